import connect from 'connect-pg-simple';
import session from 'express-session';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import type { Example } from '../lib/example.ts';

/** The store of sessions takes a pool. */
export const example: Example = {
  setUp: ['create table if not exists session (sid text primary key, sess json, expire timestamptz)'],
  stored: 'select sid::int as id from session',
  open: async (url) => {
    const cluster = createCluster(url);
    const pool = createPool(cluster, { pg, max: 4 });
    const store = new (connect(session))({ pool, pruneSessionInterval: false });
    return {
      add: (id) =>
        new Promise((resolve, reject) => {
          const kept = { cookie: { maxAge: 3_600_000 }, id } as unknown as session.SessionData;
          store.set(String(id), kept, (error) => (error ? reject(error) : resolve(undefined)));
        }),
      has: (id) =>
        new Promise((resolve, reject) => {
          store.get(String(id), (error, kept) => (error ? reject(error) : resolve(Boolean(kept))));
        }),
      close: async () => {
        await store.close();
        await pool.end();
        await cluster.close();
      },
    };
  },
};
