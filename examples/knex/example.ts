import knex from 'knex';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { pgherdModule } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

/** Knex has a pool of its own, whose clients are made of the module `driver`. */
export const example: Example = {
  ...tableOf('items_knex'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = knex({ client: 'pg', connection: {}, pool: { min: 0, max: 4 } });
    db.client.driver = pgherdModule(pg, cluster);
    return {
      add: async (id) => db('items_knex').insert({ id, name: 'hay' }),
      has: async (id) => (await db('items_knex').where({ id })).length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.transaction(async (tx) => {
            await tx('items_knex').insert({ id, name: 'straw' });
            throw new RollBack();
          }),
        ),
      stream: () => db('items_knex').select('id').stream(),
      close: async () => {
        await db.destroy();
        await cluster.close();
      },
    };
  },
};
