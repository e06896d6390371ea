import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import type { Example } from '../lib/example.ts';

/** pg-boss takes an object with `executeSql`; a pool does what is needed. */
export const example: Example = {
  setUp: ['create schema if not exists pgboss'],
  stored: `select (data->>'id')::int as id from pgboss.job where name = 'items'`,
  open: async (url) => {
    const cluster = createCluster(url);
    const pool = createPool(cluster, { pg, max: 4 });
    const boss = new PgBoss({ db: { executeSql: (text, values) => pool.query(text, values) } });
    boss.on('error', () => undefined);
    await boss.start();
    await boss.createQueue('items');
    return {
      add: (id) => boss.send('items', { id }),
      has: async (id) => {
        const jobs = await boss.findJobs('items', { data: { id } });
        return jobs.length > 0;
      },
      addAndRollBack: async (id) => {
        const client = await pool.connect();
        try {
          await client.query('begin');
          await boss.send(
            'items',
            { id },
            { db: { executeSql: (text, values) => client.query(text, values) } },
          );
          await client.query('rollback');
        } finally {
          client.release();
        }
      },
      close: async () => {
        await boss.stop({ graceful: false });
        await pool.end();
        await cluster.close();
      },
    };
  },
};
