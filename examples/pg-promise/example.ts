import pg from 'pg';
import pgPromise from 'pg-promise';
import { createCluster } from 'pgherd';
import { herdClient } from 'pgherd/pg';
import { type Example, RollBack, tableOf } from '../lib/example.ts';

/** pg-promise makes a pool of `pg`, which takes the class of its clients. */
export const example: Example = {
  ...tableOf('items_pg_promise'),
  open: async (url) => {
    const cluster = createCluster(url);
    const pgp = pgPromise({ noWarnings: true });
    // Its types describe clients of pg in words of their own.
    const db = pgp({ Client: herdClient(pg, cluster) as never, max: 4 });
    return {
      add: (id) => db.none('insert into items_pg_promise values ($1, $2)', [id, 'hay']),
      has: async (id) => (await db.any('select 1 from items_pg_promise where id = $1', [id])).length > 0,
      addAndRollBack: (id) =>
        RollBack.of(
          db.tx(async (tx) => {
            await tx.none('insert into items_pg_promise values ($1, $2)', [id, 'straw']);
            throw new RollBack();
          }),
        ),
      close: async () => {
        await db.$pool.end();
        await cluster.close();
      },
    };
  },
};
