import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';
import { PrismaClient } from './client/client.ts';

/** The adapter of Prisma takes a pool. */
export const example: Example = {
  ...tableOf('items_prisma'),
  open: async (url) => {
    const cluster = createCluster(url);
    const pool = createPool(cluster, { pg, max: 4 });
    const db = new PrismaClient({ adapter: new PrismaPg(pool) });
    return {
      add: async (id) => db.item.create({ data: { id, name: 'hay' } }),
      has: async (id) => (await db.item.findFirst({ where: { id } })) !== null,
      addAndRollBack: (id) =>
        RollBack.of(
          db.$transaction(async (tx) => {
            await tx.item.create({ data: { id, name: 'straw' } });
            throw new RollBack();
          }),
        ),
      close: async () => {
        await db.$disconnect();
        await pool.end();
        await cluster.close();
      },
    };
  },
};
