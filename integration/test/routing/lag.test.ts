import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JOURNAL } from '../../src/invariants.ts';
import { LoadSeries } from '../../src/load.ts';
import { allCaughtUp, createTable, nameOf, PATIENT, rejection, restore } from '../../src/support.ts';

const INTERVAL_MS = 200;
/** By how much the client's picture may differ from the truth, milliseconds, besides the time that it takes to look at both. */
const TOLERANCE_MS = 1_200;

let cluster: TestCluster;
const series = new LoadSeries('journal');

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'journal', JOURNAL);
});
afterEach(async () => {
  for (const node of cluster.standbys) if (node.state === 'running') await node.lag(0);
  await restore(cluster);
  await allCaughtUp(cluster);
});
afterAll(() => cluster?.close());

function pair(): readonly [TestNode, TestNode] {
  const [first, second] = cluster.standbys;
  if (first === undefined || second === undefined) throw new Error('two standbys are needed');
  return [first, second];
}

async function open(options: ClusterOptions = {}): Promise<Cluster> {
  const db = createCluster({ url: cluster.url, ...PATIENT, probe: { intervalMs: INTERVAL_MS }, ...options });
  await db.ready({ primaries: 1, standbys: 2 });
  return db;
}

const lagOf = (db: Cluster, node: TestNode) => db.nodes().find((one) => one.name === nameOf(node))?.lag;

/** For how long a standby has lacked the oldest row that it does not show, milliseconds; all clocks are this machine's. */
async function trueLagMs(node: TestNode): Promise<number> {
  await using direct = createCluster({ url: node.directUrl, ...PATIENT, target: 'any' });
  const shown = await direct.one('select max(id) as id, clock_timestamp()::text as at from journal');
  await using primary = createCluster({ url: cluster.primary.directUrl, ...PATIENT });
  const { ms } = await primary.one<{ ms: string | null }>(
    'select extract(epoch from $2::timestamptz - min(at)) * 1000 as ms from journal where id > $1',
    [shown['id'], shown['at']],
  );
  return Math.max(0, Number(ms));
}

/** Expects what the client knows to lie between the truth before and after it looked. */
async function expectTrueLag(db: Cluster, node: TestNode): Promise<void> {
  const from = performance.now();
  const before = await trueLagMs(node);
  await db.nextProbe();
  const seen = lagOf(db, node)?.ms ?? Number.NaN;
  const after = await trueLagMs(node);
  const tolerance = TOLERANCE_MS + performance.now() - from;
  expect(seen).toBeGreaterThan(Math.min(before, after) - tolerance);
  expect(seen).toBeLessThan(Math.max(before, after) + tolerance);
}

async function trueBytes(node: TestNode): Promise<number> {
  const [position] = await cluster.primary.sql('select pg_current_wal_lsn()::text as lsn');
  const [row] = await node.sql('select pg_wal_lsn_diff($1::pg_lsn, pg_last_wal_replay_lsn()) as bytes', [
    position?.['lsn'],
  ]);
  return Number(row?.['bytes']);
}

describe('how far a standby is behind', () => {
  it('is nothing on an idle primary, however long ago the last transaction was', async () => {
    const [standby] = pair();
    await using db = await open();
    await db.query('insert into journal values ($1)', [series.next()]);
    await allCaughtUp(cluster);
    const old = `select now() - pg_last_xact_replay_timestamp() > interval '2 s' as old`;
    await waitUntil(async () => (await standby.sql(old))[0]?.['old'], {
      what: 'the last transaction to be old',
    });
    for (let probes = 0; probes < 5; probes++) {
      await db.nextProbe();
      for (const node of pair()) expect(lagOf(db, node)).toEqual({ bytes: 0, ms: 0 });
    }
  });

  it('is the delay of the replay, under load, in bytes and in milliseconds', async () => {
    const [delayed, fresh] = pair();
    await using db = await open();
    await delayed.lag(2_000);
    await series.run(db, async () => {
      await waitUntil(async () => (await trueLagMs(delayed)) > 1_800, { what: 'the delay to show' });
      for (let probes = 0; probes < 5; probes++) {
        await expectTrueLag(db, delayed);
        await expectTrueLag(db, fresh);
        const before = await trueBytes(delayed);
        await db.nextProbe();
        const bytes = lagOf(db, delayed)?.bytes;
        const after = await trueBytes(delayed);
        expect(bytes).toBeGreaterThan(Math.min(before, after) / 3);
        expect(bytes).toBeLessThan(Math.max(before, after) * 3);
      }
    });
  });

  it('grows when the WAL receiver is dead, though everything that was received is replayed', async () => {
    const [cut] = pair();
    await using db = await open();
    await series.run(db, async (load) => {
      await cut.follow(undefined);
      await waitUntil(async () => (await cut.sql('select 1 from pg_stat_wal_receiver')).length === 0);
      const seen: { bytes: number; ms: number }[] = [];
      await waitUntil(
        async () => {
          await load.acknowledged(5);
          const { bytes = 0, ms = 0 } = lagOf(db, cut) ?? {};
          if (bytes > (seen.at(-1)?.bytes ?? 0)) seen.push({ bytes, ms });
          return ms > 2_000;
        },
        { what: 'two seconds of lag' },
      );
      expect(seen.length).toBeGreaterThan(2);
      await expectTrueLag(db, cut);
      await cut.follow(cluster.primary);
      await waitUntil(() => (lagOf(db, cut)?.ms ?? Number.NaN) < 500, { what: 'the lag to vanish' });
    });
  });

  it('grows for a standby that lacks the last write of a primary that is idle since', async () => {
    const [cut] = pair();
    await using db = await open();
    await cut.follow(undefined);
    await waitUntil(async () => (await cut.sql('select 1 from pg_stat_wal_receiver')).length === 0);
    await db.query('insert into journal values ($1)', [series.next()]);
    await waitUntil(() => (lagOf(db, cut)?.ms ?? 0) > 1_500, { what: 'a lag of 1.5 s' });
    expect(lagOf(db, cut)?.bytes).toBeGreaterThan(0);
    await cut.follow(cluster.primary);
  });

  it('is unknown when no primary has told its position for long', async () => {
    await using db = await open({ expireAfterMs: 1_000, waitTimeoutMs: 3_000 });
    await db.query('insert into journal values ($1)', [series.next()]);
    const known = () => pair().map((node) => lagOf(db, node)?.ms);
    await waitUntil(() => known().every((ms) => ms === 0), { what: 'a known lag' });
    await cluster.primary.stop('fast');
    await waitUntil(() => known().every((ms) => ms === undefined), { what: 'the lag to be unknown' });
    expect(pair().map((node) => lagOf(db, node)?.bytes)).toEqual([undefined, undefined]);
    await waitUntil(() => db.read.query('select 1'), { what: 'a read' });
    const strict = db.with({ target: 'standby', maxLagMs: 60_000 });
    expect(await rejection(strict.query('select 1'))).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
  });
});

describe('limits of lag', () => {
  /** Whom 30 reads went to. */
  async function readers(db: { query(text: string): Promise<{ node: string }> }): Promise<string[]> {
    const answers = await Promise.all(Array.from({ length: 30 }, () => db.query('select 1')));
    return [...new Set(answers.map((answer) => answer.node))].sort();
  }

  /**
   * Waits until 30 reads at once are served by these nodes alone: on a busy machine a late probe of the primary makes a
   * standby look fresh for a moment.
   */
  async function readOnlyFrom(nodes: readonly TestNode[], db: Parameters<typeof readers>[0]): Promise<void> {
    const wanted = nodes.map(nameOf).join();
    await waitUntil(async () => (await readers(db)).join() === wanted, {
      what: `reads from ${wanted} alone`,
    });
  }

  it('of a call keep it from standbys beyond them, and lead to the primary where none is left', async () => {
    const [delayed, other] = pair();
    await using db = await open({ waitTimeoutMs: 1_000 });
    const lagging = [await delayed.lag(3_000)];
    await series.run(db, async (load) => {
      await waitUntil(() => (lagOf(db, delayed)?.ms ?? 0) > 2_000, { what: 'the lag to be seen' });
      const standbys = [delayed, other].map(nameOf);
      for (const name of await readers(db.with({ target: 'standby' }))) expect(standbys).toContain(name);
      await readOnlyFrom([other], db.with({ target: 'standby', maxLagMs: 1_500 }));
      const bytes = Math.floor((lagOf(db, delayed)?.bytes ?? 0) / 2);
      await readOnlyFrom([other], db.with({ target: 'standby', maxLagBytes: bytes }));

      lagging.push(await other.lag(3_000));
      await waitUntil(() => (lagOf(db, other)?.ms ?? 0) > 2_000, { what: 'both to lag' });
      await readOnlyFrom([cluster.primary], db.with({ target: 'prefer-standby', maxLagMs: 1_500 }));
      const error = await rejection(db.with({ target: 'standby', maxLagMs: 1_500 }).query('select 1'));
      expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
      expect(String(error)).toContain('ms behind');
      const stale = db.with({ target: 'standby', maxLagMs: 1_500, allowStale: true });
      for (const name of await readers(stale)) expect(standbys).toContain(name);
      for (const each of lagging) await each.undo();
      await waitUntil(() => (lagOf(db, delayed)?.ms ?? Number.NaN) < 500, { what: 'the lag to vanish' });
      await load.acknowledged();
    });
  });

  it('of the cluster hold for every call, and a node beyond them does not flap', async () => {
    const [delayed, other] = pair();
    await using db = await open({ lag: { maxMs: 1_500 } });
    const flags: boolean[] = [];
    db.on('topology:changed', ({ after }) => {
      const flag = after.nodes.find((node) => node.name === nameOf(delayed))?.lagging ?? false;
      if (flag !== (flags.at(-1) ?? false)) flags.push(flag);
    });
    const lagging = await delayed.lag(3_000);
    const load = await series.run(db, async (load) => {
      await waitUntil(() => flags.length > 0, { what: 'the standby to be beyond the limit' });
      await load.served(100);
      expect(await readers(db.read)).toEqual([nameOf(other)]);
      expect(flags).toEqual([true]);
      await lagging.undo();
      await load.served(20, nameOf(delayed));
      expect(flags).toEqual([true, false]);
    });
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
  });
});
