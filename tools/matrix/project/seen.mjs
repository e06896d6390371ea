// What an application sees of the library, however it was loaded. Bundled, compiled and run by ../../matrix.ts.
import { createCluster, PgHerdError, sqlState } from 'pgherd';
import { dnsDiscovery } from 'pgherd/discovery-dns';
import { patroniDiscovery } from 'pgherd/discovery-patroni';
import { polledDiscovery } from 'pgherd/discovery-polled';
import { staticDiscovery } from 'pgherd/discovery-static';
import { parseDsn } from 'pgherd/dsn';
import { healthHandler } from 'pgherd/http';
import { herdStream, Pool } from 'pgherd/pg';
import { herdOptions } from 'pgherd/postgres-js';

export async function seen(url) {
  const db = createCluster({ url, env: {} });
  try {
    const { n } = await db.one('select $1::int as n', [41]);
    const refused = await db.query('select 1 / 0').catch(sqlState);
    const error = await db.one('select 1 where false').catch((reason) => reason);
    return {
      n,
      refused,
      error: [error instanceof PgHerdError, error.name, error.code],
      hosts: parseDsn('postgres://db1,db2/shop').hosts.length,
      guests: [typeof herdStream(db), typeof herdOptions(db).socket],
      swapped: await swapped(url).catch((reason) => reason.code),
      alive: healthHandler(db).liveness.answer().status,
      discoveries: [dnsDiscovery, patroniDiscovery, polledDiscovery, staticDiscovery].map(
        (one) => typeof one,
      ),
    };
  } finally {
    await db.close();
  }
}

/** `pg` is left outside of some bundles. */
async function swapped(url) {
  const pool = new Pool({ connectionString: url });
  try {
    return (await pool.query('select 42 as n')).rows[0].n;
  } finally {
    await pool.end();
  }
}
