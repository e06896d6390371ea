import postgres from '@fastify/postgres';
import fastify from 'fastify';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { pgherdModule } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

/** The plugin takes the module. */
export const example: Example = {
  ...tableOf('items_fastify'),
  open: async (url) => {
    const cluster = createCluster(url);
    const app = fastify();
    await app.register(postgres, { pg: pgherdModule(pg, cluster), max: 4 });
    await app.ready();
    const db = app.pg;
    return {
      add: (id) => db.query('insert into items_fastify values ($1, $2)', [id, 'hay']),
      has: async (id) => (await db.query('select 1 from items_fastify where id = $1', [id])).rows.length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transact(async (tx) => {
            await tx.query('insert into items_fastify values ($1, $2)', [id, 'straw']);
            throw new RollBack();
          }),
        ),
      close: async () => {
        await app.close();
        await cluster.close();
      },
    };
  },
};
