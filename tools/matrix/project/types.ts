// What the compiler of an application sees.
import { type Cluster, createCluster, PgHerdError, type QueryResult, sql } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { dnsDiscovery } from 'pgherd/discovery-dns';
import { patroniDiscovery } from 'pgherd/discovery-patroni';
import { polledDiscovery } from 'pgherd/discovery-polled';
import { staticDiscovery } from 'pgherd/discovery-static';
import { type Dsn, parseDsn } from 'pgherd/dsn';
import { healthHandler, herdFastify } from 'pgherd/http';
import { herdStream } from 'pgherd/pg';
import { herdOptions } from 'pgherd/postgres-js';

const db: Cluster = createCluster({ url: 'postgres://db1,db2/shop', pool: { max: 5 } });
export const result: Promise<QueryResult<{ n: number }>> = db.query<{ n: number }>('select 1 as n');
export const name: Promise<string> = db.one<{ name: string }>(sql`select ${1}`).then((row) => row.name);
export const dsn: Dsn = parseDsn('postgres://db1/shop');
export const parts = [
  herdStream(db),
  herdOptions(db),
  createClusterOver,
  staticDiscovery,
  healthHandler(db).readiness.fetch,
  herdFastify,
];
export const discoveries = [dnsDiscovery, patroniDiscovery, polledDiscovery];
export const codeOf = (error: unknown) => (error instanceof PgHerdError ? error.code : undefined);

// @ts-expect-error There is no such option.
createCluster({ url: 'postgres://db1/shop', pol: { max: 5 } });
// @ts-expect-error A code is one of a list.
export const isWrong = (error: PgHerdError) => error.code === 'PGHERD_NOTHING';
