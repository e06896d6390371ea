// What the compiler sees of the entries that load an optional peer.
import { Module } from '@nestjs/common';
import { fastify } from 'fastify';
import { Kysely } from 'kysely';
import * as pg from 'pg';
import { createCluster } from 'pgherd';
import { autoRoute } from 'pgherd/auto-route';
import { herdFastify } from 'pgherd/http';
import { herdDialect, herdReads } from 'pgherd/kysely';
import { PgherdModule } from 'pgherd/nestjs';
import { PgherdHealthIndicator } from 'pgherd/nestjs-terminus';

const db = createCluster({ url: 'postgres://db1,db2/shop', autoRoute: autoRoute({ reads: 'standby' }) });
const kysely = new Kysely<{ item: { id: number } }>({ dialect: herdDialect(db, { pg, max: 5 }) });
export const ids: Promise<{ id: number }[]> = kysely
  .withPlugin(herdReads())
  .selectFrom('item')
  .select('id')
  .execute();
export const app = fastify().register(herdFastify, { cluster: db, causal: true });
export const parts = [
  Module({ imports: [PgherdModule.forRoot({ url: 'postgres://db1/shop' })] }),
  PgherdHealthIndicator,
];

// @ts-expect-error There is no such option.
herdDialect(db, { pg, reads: { targt: 'standby' } });
