import knex from 'knex';
import { Model } from 'objection';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { pgherdModule } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

class Item extends Model {
  static override tableName = 'items_objection';
  declare id: number;
  declare name: string;
}

/** Objection takes a Knex, as in the example for Knex. */
export const example: Example = {
  ...tableOf('items_objection'),
  open: async (url) => {
    const cluster = createCluster(url);
    const db = knex({ client: 'pg', connection: {}, pool: { min: 0, max: 4 } });
    db.client.driver = pgherdModule(pg, cluster);
    Model.knex(db);
    return {
      add: async (id) => Item.query().insert({ id, name: 'hay' }),
      has: async (id) => (await Item.query().where({ id })).length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          Item.transaction(async (tx) => {
            await Item.query(tx).insert({ id, name: 'straw' });
            throw new RollBack();
          }),
        ),
      close: async () => {
        await db.destroy();
        await cluster.close();
      },
    };
  },
};
