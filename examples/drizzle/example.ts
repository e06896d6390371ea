import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

const items = pgTable('items_drizzle', { id: integer().notNull(), name: text().notNull() });

/** Drizzle takes a pool. */
export const example: Example = {
  ...tableOf('items_drizzle'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = drizzle({ client: createPool(cluster, { pg, max: 4 }) });
    return {
      add: async (id) => db.insert(items).values({ id, name: 'hay' }),
      has: async (id) => (await db.select().from(items).where(eq(items.id, id))).length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction(async (tx) => {
            await tx.insert(items).values({ id, name: 'straw' });
            throw new RollBack();
          }),
        ),
      close: async () => {
        await db.$client.end();
        await cluster.close();
      },
    };
  },
};
