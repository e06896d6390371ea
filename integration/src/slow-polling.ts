import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type Cluster, createCluster, type NodeDescription } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type Load, LoadSeries } from './load.ts';
import { createTable, nameOf, PATIENT, restore } from './support.ts';

/** A primary, two standbys and a client that polls slowly: what it learns quickly, it learns by a push. */
export interface SlowPolling {
  readonly cluster: TestCluster;
  readonly db: Cluster;
  primaryName(): string;
  roleOf(name: string): NodeDescription['role'] | undefined;
  /** Ends all sessions of this application on every node; returns how many. */
  terminateAll(application: string): Promise<number>;
  /** Reads and writes of the table `journal` while the scenario runs. */
  underLoad(scenario: (load: Load) => Promise<void>): Promise<Load>;
}

/** Sets it up for the file that calls it: one cluster for the file, one client for each test. */
export function slowPolling(): SlowPolling {
  let cluster: TestCluster;
  let db: Cluster;
  const series = new LoadSeries('journal');

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2 });
    await createTable(cluster, 'journal', 'id int');
  });

  beforeEach(async () => {
    db = createCluster({
      url: cluster.url,
      ...PATIENT,
      applicationName: 'herd',
      probe: { intervalMs: 300_000 },
    });
    await db.ready({ primaries: 1, standbys: 2 });
  });

  afterEach(async () => {
    await db.close();
    await restore(cluster);
  });

  afterAll(() => cluster?.close());

  return {
    get cluster() {
      return cluster;
    },
    get db() {
      return db;
    },
    primaryName: () => nameOf(cluster.primary),
    roleOf: (name) => db.nodes().find((node) => node.name === name)?.role,
    async terminateAll(application) {
      let count = 0;
      for (const node of cluster.nodes) {
        const text = 'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1';
        count += (await node.sql(text, [application])).length;
      }
      return count;
    },
    underLoad: (scenario) => series.run(db, scenario),
  };
}
