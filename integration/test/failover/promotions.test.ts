import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, createCluster, type NodeDescription } from 'pgherd';
import { createClusterOver } from 'pgherd/connection';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { journal, underLoad } from '../../src/alarms.ts';
import { disagreements, entriesOn, JOURNAL, rangeOf } from '../../src/invariants.ts';
import { allCaughtUp, createTable, nameOf, PATIENT, rejection, restore } from '../../src/support.ts';
import { Wiretap } from '../../src/wiretap.ts';

/** A probe may stay unanswered for so long, milliseconds, that a long poll lasts much longer than any promotion takes. */
const LONG_PROBE_MS = 200_000;
/** The shortest long poll then: half of that, less a quarter by dice. */
const SHORTEST_POLL_MS = LONG_PROBE_MS * 0.5 * 0.75;

function only(nodes: readonly TestNode[]): TestNode {
  const [node] = nodes;
  if (node === undefined) throw new Error('there is no such node');
  return node;
}

function described(db: Cluster, node: TestNode): NodeDescription | undefined {
  return db.nodes().find((one) => one.name === nameOf(node));
}

describe('promotions', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    // A reader on a standby may hold replay up for as long as it likes.
    const settings = {
      max_standby_streaming_delay: '-1',
      max_standby_archive_delay: '-1',
      hot_standby_feedback: false,
      autovacuum: false,
    };
    cluster = await createTestCluster({ standbys: 2, settings });
    await createTable(cluster, 'journal', JOURNAL);
    await createTable(cluster, 'churned', 'id int');
  });
  afterEach(() => restore(cluster));
  afterAll(() => cluster?.close());

  it('a standby that follows the new primary is current and serves, though an ordinary role cannot see its timeline', async () => {
    await underLoad(cluster, async ({ load, db }) => {
      await cluster.primary.kill();
      const { promoted } = await cluster.failover({ afterMs: 100 });
      await load.acknowledged();
      const survivor = only(cluster.standbys.filter((node) => node.state === 'running'));
      expect(survivor).not.toBe(promoted);
      const standings: unknown[] = [];
      db.on('node:standing-changed', (event) => {
        if (event.node === nameOf(survivor)) standings.push(event);
      });
      for (let probes = 0; probes < 5; probes++) {
        await db.nextProbe();
        expect(described(db, survivor)).toMatchObject({
          role: 'standby',
          standing: 'current',
          timeline: undefined,
        });
      }
      await load.served(20, nameOf(survivor));
      expect(standings).toEqual([]);
      await using late = createCluster({ url: cluster.url, ...PATIENT });
      await late.ready({ primaries: 1, standbys: 1 });
      expect(described(late, survivor)).toMatchObject({ role: 'standby', standing: 'current' });
    });
  });

  it('a delayed standby promoted to look into the past gets neither writes nor reads, and fences nobody', async () => {
    const delayed = only(cluster.standbys);
    const old = cluster.primary;
    const lagging = await delayed.lag(600_000);
    const nodes = { [nameOf(delayed)]: { promotable: false } };
    const { load, offline } = await underLoad(
      cluster,
      async ({ load, db }) => {
        const primaries: unknown[] = [];
        db.on('primary:changed', (event) => primaries.push(event));
        const before = db.topology;
        await delayed.promote();
        await waitUntil(() => described(db, delayed)?.role === 'primary', { what: 'the role to be seen' });
        const from = performance.now();
        await load.acknowledged(50);
        await load.served(50);
        for (let probes = 0; probes < 3; probes++) await db.nextProbe();
        expect(described(db, delayed)?.timeline).toBeGreaterThan(before.floor ?? 0);
        expect(db.topology.floor).toBe(before.floor);
        expect(primaries).toEqual([]);
        const since = load.reads.filter((one) => one.startedAt >= from);
        expect(since.filter((one) => one.node === nameOf(delayed))).toEqual([]);
      },
      { nodes },
    );
    expect(load.writes.filter((one) => one.node !== nameOf(old))).toEqual([]);
    expect([...load.failedReads, ...load.failedWrites, ...load.unknownWrites]).toEqual([]);
    expect(offline).toEqual([]);
    const found = await entriesOn(old, rangeOf(load));
    expect(disagreements(load.books, found)).toEqual([]);
    expect((await entriesOn(delayed, rangeOf(load))).length).toBeLessThan(found.length);
    await lagging.undo().catch(() => undefined);
  });

  /** Milliseconds from the request to the log line, with a vacuum's record left to replay that conflicts with every older snapshot. */
  async function promotionMs(
    meanwhile: (standby: TestNode) => Promise<AsyncDisposable | undefined>,
  ): Promise<number> {
    const [standby, other] = cluster.standbys;
    if (standby === undefined || other === undefined) throw new Error('two standbys are needed');
    const old = cluster.primary;
    await other.follow(undefined);
    // A conflict is one between sessions of the same database.
    await using client = createCluster({ url: old.directUrl, ...PATIENT });
    await client.query('create table if not exists conflicting (id int)');
    await client.query('insert into conflicting select generate_series(1, 1000)');
    await allCaughtUp({ primary: old, standbys: [standby] });
    await standby.pauseReplay();
    await client.query('delete from conflicting');
    await client.query('vacuum conflicting');
    // A vacuum commits nothing, so that its records would stay behind with a primary that is killed.
    await client.query('insert into conflicting values (0)');
    await client.close();
    const [row] = await old.sql('select pg_current_wal_flush_lsn()::text as lsn');
    const received = 'select pg_last_wal_receive_lsn() >= $1::pg_lsn as ok';
    await waitUntil(async () => (await standby.sql(received, [row?.['lsn']]))[0]?.['ok'], {
      what: 'receipt',
    });
    const disposable = await meanwhile(standby);
    try {
      const from = Date.now();
      const ready = await standby.promote();
      return ready.at - from;
    } finally {
      await disposable?.[Symbol.asyncDispose]();
      await restore(cluster);
    }
  }

  /** A client without a primary: its long poll runs on the standby. */
  async function polling(standby: TestNode): Promise<AsyncDisposable> {
    const probe = { timeoutMs: LONG_PROBE_MS };
    const db = createCluster({ url: cluster.url, ...PATIENT, applicationName: 'poller', probe });
    await db.ready({ primaries: 1, standbys: 2 });
    await db.query('select 1');
    await cluster.primary.kill();
    const running = `select 1 from pg_stat_activity where application_name like 'poller%' and query ilike '%pg_sleep%'`;
    await waitUntil(async () => (await standby.sql(running)).length > 0, { what: 'the long poll to run' });
    return db;
  }

  /** A session whose snapshot is as old as the pause, for two seconds. */
  async function reading(standby: TestNode): Promise<AsyncDisposable> {
    const client = new pg.Client({ connectionString: standby.directUrl });
    await client.connect();
    const done = client.query('select count(*) from conflicting, pg_sleep(2)');
    const running = `select 1 from pg_stat_activity where query like '%pg_sleep(2)' and backend_xmin is not null`;
    await waitUntil(async () => (await standby.sql(running)).length > 0, { what: 'the snapshot' });
    return {
      async [Symbol.asyncDispose]() {
        await done.catch(() => undefined);
        await client.end();
      },
    };
  }

  it('a promotion with a conflict left to replay does not wait for our long poll', async () => {
    const conflict = await promotionMs(reading);
    expect(
      conflict,
      'the conflict is there: a snapshot of two seconds holds the promotion up',
    ).toBeGreaterThan(1_000);
    expect(await promotionMs(polling)).toBeLessThan(SHORTEST_POLL_MS / 2);
  });
});

describe('a cluster restored on a lower timeline', () => {
  it('gets no writes until its epoch is accepted', async () => {
    await using cluster = await createTestCluster({ standbys: 1 });
    await createTable(cluster, 'journal', JOURNAL);
    const restored = cluster.primary;
    await restored.stop('fast');
    const backup = await restored.backUp();
    await restored.start();
    await cluster.waitForStreaming();
    const tap = new Wiretap();
    await using db = createClusterOver(tap.driver, { url: cluster.url, env: {}, waitTimeoutMs: 1_500 });
    const write = () => db.query('insert into journal values ($1)', [journal.next()]);
    expect((await write()).node).toBe(nameOf(restored));
    await restored.kill();
    const { promoted } = await cluster.failover();
    await waitUntil(write, { what: 'a write on the new primary' });
    expect(db.topology.floor).toBe(2);
    const { systemIdentifier } = db.topology;
    if (systemIdentifier === undefined) throw new Error('the cluster tells no identity');

    await promoted.kill();
    await restored.restore(backup);
    await waitUntil(
      () => described(db, restored)?.health === 'ok' && described(db, restored)?.timeline === 1,
      {
        what: 'the restored node to be seen',
      },
    );
    const sent = tap.count;
    const error = await rejection(write());
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect(String(error)).toContain('stale: timeline 1, but timeline 2 has been seen');
    expect(String(error)).toContain(
      `db.acceptEpoch({ systemIdentifier: '${systemIdentifier}', timeline: 1 })`,
    );
    expect(tap.sentAfter(sent, nameOf(restored))).toEqual([]);

    db.acceptEpoch({ systemIdentifier, timeline: 1 });
    expect((await write()).node).toBe(nameOf(restored));
    expect(db.topology.floor).toBe(1);

    // The higher timeline is given up: the server that was seen on it gets nothing until it is rebuilt.
    await promoted.start();
    await waitUntil(() => described(db, promoted)?.standing === 'stale', {
      what: 'the higher timeline to be seen again',
    });
    expect(db.topology.floor).toBe(1);
    expect((await write()).node).toBe(nameOf(restored));
  });
});
