// The same as peers.mjs, for programs that load by `require`.
require('reflect-metadata');
const { fastify } = require('fastify');
const { Kysely, sql } = require('kysely');
const pg = require('pg');
const { createCluster } = require('pgherd');
const { autoRoute } = require('pgherd/auto-route');
const { herdFastify } = require('pgherd/http');
const { herdDialect, herdReads } = require('pgherd/kysely');
const { PgherdModule } = require('pgherd/nestjs');
const { PgherdHealthIndicator } = require('pgherd/nestjs-terminus');

async function seen(url) {
  const db = createCluster({ url, env: {}, autoRoute: autoRoute() });
  const app = fastify();
  try {
    await app.register(herdFastify, { cluster: db, close: false });
    const kysely = new Kysely({ dialect: herdDialect(db, { pg }) });
    const { rows } = await sql`select 43 as n`.execute(kysely.withPlugin(herdReads()));
    await kysely.destroy();
    return {
      n: rows[0].n,
      routed: (await db.auto.explainRoute('select 1')).target,
      nest: [PgherdModule.forRoot({ url, env: {} }).module.name, PgherdHealthIndicator.name],
      alive: (await app.inject('/livez')).statusCode,
    };
  } finally {
    await app.close();
    await db.close();
  }
}

void seen(process.env.SMOKE_URL).then((all) => console.log(JSON.stringify(all)));
