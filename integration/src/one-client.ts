import { createTestCluster, type TestCluster, type TestClusterOptions, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { open, quiet } from './support.ts';

/** A test cluster and a client of it for all tests of a file. */
export interface OneClient {
  readonly cluster: TestCluster;
  readonly db: Cluster;
  /** How many connections of its pools have been closed or lost so far. */
  closed(): number;
}

/** Sessions of the client that are in a transaction, or at work. */
const AT_WORK = `select query from pg_stat_activity
  where usename = 'app' and backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()
    and application_name not like '% monitor'`;

/**
 * Sets both up for the file that calls it, makes the tables, and sees to it that no test leaves a lease, a transaction or a
 * statement behind.
 */
export function oneClient(
  tables: readonly string[],
  settings: {
    readonly cluster?: TestClusterOptions | undefined;
    readonly client?: ClusterOptions | undefined;
  } = {},
): OneClient {
  let cluster: TestCluster;
  let db: Cluster;
  let closed = 0;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0, ...settings.cluster });
    db = open(cluster, { pool: { max: 4 }, ...settings.client });
    db.on('connection:closed', () => {
      closed++;
    });
    for (const table of tables) await db.query(`create table ${table}`);
  });

  afterEach(async () => {
    await quiet(db);
    const idle = async () => (await cluster.primary.sql(AT_WORK)).length === 0;
    await waitUntil(idle, { what: 'nothing to be at work or in a transaction' });
  });

  afterAll(async () => {
    await db?.close();
    await cluster?.close();
  });

  return {
    get cluster() {
      return cluster;
    },
    get db() {
      return db;
    },
    closed: () => closed,
  };
}
