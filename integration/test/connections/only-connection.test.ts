import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster, type Querier } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endMonitors } from '../../src/monitors.ts';
import { PATIENT } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  await cluster.primary.appSql('create table journal (id int)');
});
afterAll(() => cluster?.close());

/** Both are far shorter than the work on the only connection. */
const LIMITS = { deadAfterMs: 1_000, expireAfterMs: 1_500 } as const;
const WORK_S = 5;

/** What was said of the node while something went on. */
class Told {
  readonly roles: ClusterEvents['node:role-changed'][] = [];
  readonly health: ClusterEvents['node:health-changed'][] = [];

  constructor(db: Cluster) {
    db.on('node:role-changed', (event) => this.roles.push(event));
    db.on('node:health-changed', (event) => this.health.push(event));
  }
}

/** The program has one connection, in use, and its monitor is let in no more: the server has no slot for it. */
async function shutMonitorOut(): Promise<void> {
  await cluster.primary.sql('alter role app connection limit 1');
  await endMonitors(cluster.primary);
}

async function pass(seconds: number): Promise<void> {
  await cluster.primary.sql(`select pg_sleep(${seconds})`);
}

describe('a node whose only connection is in use for longer than anything is believed', () => {
  afterEach(() => cluster.primary.sql('alter role app connection limit -1'));

  it.each([
    ['a transaction that waits for its program', () => pass(WORK_S)],
    ['a transaction with a long statement', (tx: Querier) => tx.query(`select pg_sleep(${WORK_S})`)],
  ])('by %s: stays what it is, and serves the next call afterwards', async (_what, work) => {
    await using db = createCluster({
      url: cluster.url,
      ...PATIENT,
      ...LIMITS,
      pool: { max: 1 },
      probe: { intervalMs: 200 },
    });
    await db.ready();
    const told = new Told(db);
    let go: () => void = () => undefined;
    // Not inside the transaction, which would wait for itself.
    const next = new Promise<void>((resolve) => {
      go = resolve;
    }).then(() => db.query('insert into journal values (2)'));
    await db.transaction(async (tx) => {
      await tx.query('insert into journal values (1)');
      await db.nextProbe();
      await shutMonitorOut();
      go();
      await work(tx);
      expect(db.nodes()[0]).toMatchObject({ role: 'primary', standing: 'current' });
      expect(db.health()).toMatchObject({ status: 'up' });
      await tx.query('insert into journal values (3)');
    });
    await next;
    expect(await db.rows('delete from journal returning id')).toHaveLength(3);
    expect(told).toEqual({ roles: [], health: [] });
  });
});
