import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, createCluster } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { splitBrainCluster, splitBrainTrial } from '../../src/chaos/split-brain.ts';
import { entriesOn, JOURNAL, rangeOf } from '../../src/invariants.ts';
import { loadOn } from '../../src/load.ts';
import { createTable, nameOf, PATIENT, rejection, restore } from '../../src/support.ts';
import { Wiretap } from '../../src/wiretap.ts';

const TRIALS = process.env['CI'] === undefined ? 2 : 10;
const IDS_PER_TRIAL = 100_000;

describe('a promotion while the old primary stays up', () => {
  let cluster: TestCluster;
  let trials = 0;

  beforeAll(async () => {
    cluster = await splitBrainCluster();
  });
  afterAll(() => cluster?.close());

  const firstId = (): number => {
    trials += 1;
    return trials * IDS_PER_TRIAL;
  };

  it.each(
    Array.from({ length: TRIALS }, (_, index) => [index + 1]),
  )('trial %i: no write reaches the lower timeline once the higher one was seen, and no call fails', async (number) => {
    const trial = await splitBrainTrial(cluster, { firstId: firstId(), reads: number % 2 === 1 });
    expect(trial.violations).toEqual([]);
    expect(trial.failedCalls).toBe(0);
  });

  it('the judge sees a write that somebody sends there nevertheless', async () => {
    const trial = await splitBrainTrial(cluster, {
      firstId: firstId(),
      afterSeen: async (old, lastId) => {
        await using client = createCluster({ url: old.url, ...PATIENT });
        await client.query('insert into journal values ($1)', [lastId + 1]);
      },
    });
    expect(trial.violations).toHaveLength(1);
  });

  it('a client that starts beside both primaries writes to the newer one alone', async () => {
    const old = cluster.primary;
    const [standby] = cluster.standbys;
    await standby?.promote();
    try {
      for (const hosts of [cluster.nodes, [...cluster.nodes].reverse()]) {
        const tap = new Wiretap();
        const first = firstId();
        const url = `postgresql://app:app@${hosts.map(nameOf).join(',')}/app`;
        const db = createClusterOver(tap.driver, { url, ...PATIENT });
        try {
          const writes = Array.from({ length: 20 }, (_, index) =>
            db.query('insert into journal values ($1)', [first + index]),
          );
          for (const { node } of await Promise.all(writes)) expect(node).toBe(nameOf(standby));
          expect(tap.sent.filter((sent) => sent.node === nameOf(old))).toEqual([]);
          expect(await entriesOn(old, { from: first, to: first + 20 })).toEqual([]);
        } finally {
          await db.close();
        }
      }
    } finally {
      await old.rejoin();
    }
  });

  it('a transaction that close() waits for is ended as well', async () => {
    const old = cluster.primary;
    const [standby] = cluster.standbys;
    const first = firstId();
    const db = createCluster({ url: cluster.url, ...PATIENT });
    try {
      const tx = await db.begin();
      await tx.query('insert into journal values ($1)', [first]);
      const closed = db.close({ timeoutMs: 60_000 });
      await standby?.promote();
      await waitUntil(() => db.topology.writable === nameOf(standby));
      expect(await rejection(tx.query('insert into journal values ($1)', [first + 1]))).toMatchObject({
        code: 'PGHERD_CONNECTION_LOST',
      });
      await tx.rollback();
      await closed;
      expect(await entriesOn(old, { from: first, to: first + 2 })).toEqual([]);
    } finally {
      db.terminate();
      await old.rejoin();
    }
  });
});

describe('two standbys promoted apart, to the same timeline', () => {
  let cluster: TestCluster;
  let nextId = 1;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2 });
    await createTable(cluster, 'journal', JOURNAL);
  });
  afterEach(() => restore(cluster));
  afterAll(() => cluster?.close());

  function twoStandbys(): readonly [TestNode, TestNode] {
    const [first, second] = cluster.standbys;
    if (first === undefined || second === undefined) throw new Error('two standbys are needed');
    return [first, second];
  }

  /** The events of a split brain, as they come. */
  function splitBrains(db: Cluster): ClusterEvents['cluster:split-brain'][] {
    const seen: ClusterEvents['cluster:split-brain'][] = [];
    db.on('cluster:split-brain', (event) => seen.push(event));
    return seen;
  }

  it('the one that was written to keeps the writes, and the event names the other', async () => {
    const [first, second] = twoStandbys();
    const tap = new Wiretap();
    const db = createClusterOver(tap.driver, { url: cluster.url, ...PATIENT });
    const load = loadOn(db, 'journal', nextId);
    try {
      await db.ready({ primaries: 1, standbys: 2 });
      const events = splitBrains(db);
      await load.acknowledged();
      await cluster.primary.kill();
      await first.promote();
      await load.acknowledged();
      await second.promote();
      await waitUntil(() => events.length > 0, { what: 'the split brain to be told' });
      await load.acknowledged();
      await load.served();
    } finally {
      await load.stop();
      nextId += load.writes.length;
    }
    try {
      expect(tap.sent.filter((sent) => sent.node === nameOf(second))).toEqual([]);
      expect(await entriesOn(second, rangeOf(load))).toEqual(
        expect.not.arrayContaining([expect.objectContaining({ id: nextId - 1 })]),
      );
      expect(load.writes.at(-1)).toMatchObject({ outcome: 'acknowledged', node: nameOf(first) });
      expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
      const standing = db.nodes().find((node) => node.name === nameOf(second));
      expect(standing).toMatchObject({ role: 'primary', standing: 'ambiguous' });
      expect(db.nodes().find((node) => node.name === nameOf(first))?.standing).toBe('current');
    } finally {
      await db.close();
    }
  });

  it('without one that was written to nobody gets writes, until one of them goes', async () => {
    const [first, second] = twoStandbys();
    await cluster.primary.kill();
    await Promise.all([first.promote(), second.promote()]);
    const tap = new Wiretap();
    await using db = createClusterOver(tap.driver, { url: cluster.url, env: {}, waitTimeoutMs: 1_500 });
    const events = splitBrains(db);
    const write = () => db.query('insert into journal values ($1)', [nextId++]);
    const error = await rejection(write());
    expect(error).toMatchObject({ code: 'PGHERD_AMBIGUOUS_PRIMARY' });
    expect(String(error)).toContain(nameOf(first));
    expect(String(error)).toContain(nameOf(second));
    expect(events.map((event) => [...event.nodes].sort())).toEqual([[nameOf(first), nameOf(second)].sort()]);
    expect(tap.sent).toEqual([]);
    await second.kill();
    const waiting = createWaiting(write);
    expect((await waiting).node).toBe(nameOf(first));
  });

  /** Writes until a write succeeds: the way out of the ambiguity is an event, and comes when it comes. */
  function createWaiting<T>(write: () => Promise<T>): Promise<T> {
    return waitUntil(write, { what: 'the remaining primary to take writes' });
  }
});
