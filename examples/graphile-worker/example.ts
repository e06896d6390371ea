import { makeWorkerUtils } from 'graphile-worker';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { type Example, RollBack } from '../lib/example.ts';

/** graphile-worker takes a pool, here for what adds jobs; `run` takes the same option. */
export const example: Example = {
  setUp: [],
  stored: `select (payload->>'id')::int as id from graphile_worker._private_jobs`,
  open: async (url) => {
    const cluster = createCluster(url);
    const pgPool = createPool(cluster, { pg, max: 4 });
    const worker = await makeWorkerUtils({ pgPool });
    await worker.migrate();
    return {
      add: (id) => worker.addJob('item', { id }),
      has: (id) =>
        worker.withPgClient(async (client) => {
          const text = `select 1 from graphile_worker._private_jobs where (payload->>'id')::int = $1`;
          return (await client.query(text, [id])).rows.length > 0;
        }),
      addAndRollBack: (id) =>
        RollBack.of(
          worker.withPgClient(async (client) => {
            await client.query('begin');
            await client.query(`select graphile_worker.add_job('item', $1)`, [{ id }]);
            await client.query('rollback');
            throw new RollBack();
          }),
        ),
      close: async () => {
        await worker.release();
        await pgPool.end();
        await cluster.close();
      },
    };
  },
};
