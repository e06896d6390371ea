import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster, type NodeDescription } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { disagreements, entriesOn, JOURNAL, rangeOf } from '../../src/invariants.ts';
import { type Load, LoadSeries } from '../../src/load.ts';
import { createTable, nameOf, PATIENT, restore } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
const series = new LoadSeries('journal');

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'journal', JOURNAL);
});
afterAll(() => cluster?.close());

beforeEach(async () => {
  const [upstream, cascading] = pair();
  await cascading.follow(upstream);
  const streams = 'select 1 from pg_stat_replication where application_name = $1';
  await waitUntil(async () => (await upstream.sql(streams, [cascading.name])).length > 0, {
    what: 'a standby of a standby',
  });
  db = createCluster({ url: cluster.url, ...PATIENT });
  await db.ready({ primaries: 1, standbys: 2 });
});

afterEach(async () => {
  await db.close();
  await restore(cluster);
});

function pair(): readonly [TestNode, TestNode] {
  const [upstream, cascading] = cluster.standbys;
  if (upstream === undefined || cascading === undefined) throw new Error('two standbys are needed');
  return [upstream, cascading];
}

function described(node: TestNode): NodeDescription | undefined {
  return db.nodes().find((one) => one.name === nameOf(node));
}

const underLoad = (scenario: (load: Load) => Promise<void>) => series.run(db, scenario);

describe('a standby of a standby', () => {
  it('is a standby like any other: it serves reads, and its lag is measured against the primary', async () => {
    const [, cascading] = pair();
    const load = await underLoad(async (load) => {
      await load.served(30, nameOf(cascading));
      await db.nextProbe();
      expect(described(cascading)).toMatchObject({ role: 'standby', standing: 'current', health: 'ok' });
    });
    await waitUntil(() => described(cascading)?.lag.bytes === 0, {
      what: 'no lag once the writes have ended',
    });
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
  });

  it('survives the failover to the standby that it follows', async () => {
    const [upstream, cascading] = pair();
    const changes: unknown[] = [];
    for (const name of ['node:role-changed', 'node:standing-changed', 'node:health-changed'] as const) {
      db.on(name, (event) => {
        if (event.node === nameOf(cascading)) changes.push(event);
      });
    }
    const load = await underLoad(async (load) => {
      await cluster.primary.stop('fast');
      await upstream.promote();
      await load.acknowledged();
      await load.served(30, nameOf(cascading));
      await waitUntil(() => described(cascading)?.lag.bytes !== undefined, {
        what: 'its lag on the new timeline',
      });
    });
    expect(changes).toEqual([]);
    expect(load.writes.at(-1)).toMatchObject({ outcome: 'acknowledged', node: nameOf(upstream) });
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    const found = await entriesOn(upstream, rangeOf(load));
    expect(disagreements(load.books, found)).toEqual([]);
  });

  it('falls behind when the standby that it follows is lost, and is seen to', async () => {
    const [upstream, cascading] = pair();
    const load = await underLoad(async (load) => {
      await upstream.kill();
      await waitUntil(() => (described(cascading)?.lag.ms ?? 0) > 1_500, { what: 'its lag' });
      await load.served(10, nameOf(cascading));
      const fresh = await db.with({ target: 'prefer-standby', maxLagMs: 1_000 }).query('select 1');
      expect(fresh.node).toBe(nameOf(cluster.primary));
    });
    expect([...load.failedReads, ...load.failedWrites, ...load.unknownWrites]).toEqual([]);
  });
});
