// Entries that load an optional peer, with these peers.
import 'reflect-metadata';
import { fastify } from 'fastify';
import { Kysely, sql } from 'kysely';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { autoRoute } from 'pgherd/auto-route';
import { herdFastify } from 'pgherd/http';
import { herdDialect, herdReads } from 'pgherd/kysely';
import { PgherdModule } from 'pgherd/nestjs';
import { PgherdHealthIndicator } from 'pgherd/nestjs-terminus';

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
