import { eq } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/postgres-js';
import { createCluster } from 'pgherd';
import { herdOptions } from 'pgherd/postgres-js';
import postgres from 'postgres';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

const items = pgTable('items_drizzle_postgres_js', { id: integer().notNull(), name: text().notNull() });

/** Drizzle on postgres.js, which has a pool of its own. */
export const example: Example = {
  ...tableOf('items_drizzle_postgres_js'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = drizzle({ client: postgres({ ...herdOptions(cluster), max: 4, fetch_types: false }) });
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
        await db.$client.end({ timeout: 5 });
        await cluster.close();
      },
    };
  },
};
