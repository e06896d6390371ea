// The same as seen.mjs, for programs that load by `require`.
const { createCluster, PgHerdError, sqlState } = require('pgherd');
const { dnsDiscovery } = require('pgherd/discovery-dns');
const { patroniDiscovery } = require('pgherd/discovery-patroni');
const { polledDiscovery } = require('pgherd/discovery-polled');
const { staticDiscovery } = require('pgherd/discovery-static');
const { parseDsn } = require('pgherd/dsn');
const { healthHandler } = require('pgherd/http');
const { herdStream, Pool } = require('pgherd/pg');
const { herdOptions } = require('pgherd/postgres-js');

exports.seen = async function seen(url) {
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
};

/** `pg` is left outside of some bundles. */
async function swapped(url) {
  const pool = new Pool({ connectionString: url });
  try {
    return (await pool.query('select 42 as n')).rows[0].n;
  } finally {
    await pool.end();
  }
}
