import { waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fates, learnSleep, SLEEP, times } from '../../src/lanes.ts';
import { oneClient } from '../../src/one-client.ts';
import { SlowableClock } from '../../src/slowable-clock.ts';
import { codeOf, nameOf, open, rejection } from '../../src/support.ts';

const setUp = oneClient(['gate (id int primary key, n int)', 'entry (n int)'], { cluster: { standbys: 2 } });

/** One connection with room for one statement: the next one waits. */
const NARROW: ClusterOptions = { pool: { max: 1 }, lanes: { maxDepth: 1 } };

const waiting = (db: Cluster) => db.stats().total.waiting;

/** Runs `fn` while the only connection of `db` waits for a row lock; then the lock is released. */
async function whileBlocked(db: Cluster, fn: () => Promise<void>): Promise<void> {
  await setUp.db.query('insert into gate values (1, 0) on conflict do nothing');
  let blocked: Promise<unknown> = Promise.resolve();
  await setUp.db.transaction(async (tx) => {
    await tx.query('update gate set n = n + 1 where id = 1');
    blocked = db.query('update gate set n = n + 1 where id = 1');
    // If the test fails before, its own error counts.
    blocked.catch(() => undefined);
    const question = "select 1 from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock'";
    await waitUntil(async () => (await setUp.cluster.primary.sql(question)).length > 0, {
      what: 'a statement to wait for the lock',
    });
    await fn();
  });
  await blocked;
}

/** How many sessions of the primary sleep. */
async function asleep(): Promise<number> {
  const text = "select 1 from pg_stat_activity where usename = 'app' and wait_event = 'PgSleep'";
  return (await setUp.cluster.primary.sql(text)).length;
}

describe('statements that wait for room', () => {
  it('are counted, and run in the order in which they came', async () => {
    await using db = open(setUp.cluster, NARROW);
    const calls: Promise<unknown>[] = [];
    const order: number[] = [];
    await whileBlocked(db, async () => {
      for (const n of times(50, (index) => index)) {
        calls.push(db.query('insert into entry values ($1)', [n]).then(() => order.push(n)));
      }
      await waitUntil(() => waiting(db) === 50, { what: 'all to wait' });
      expect(db.stats().total.oldestWaitMs).toBeGreaterThan(0);
    });
    await Promise.all(calls);
    expect(order).toEqual(times(50, (index) => index));
    expect(waiting(db)).toBe(0);
    expect(db.stats().total.waited).toBeGreaterThanOrEqual(50);
  });

  it('give up at their own limit, and leave nothing behind', async () => {
    await using db = open(setUp.cluster, { ...NARROW, waitTimeoutMs: 60_000 });
    await whileBlocked(db, async () => {
      const controller = new AbortController();
      const aborted = rejection(db.query('select 1', [], { signal: controller.signal }));
      const late = rejection(db.query('select 2', [], { timeoutMs: 50 }));
      await waitUntil(() => waiting(db) > 0, { what: 'a statement to wait' });
      controller.abort(new Error('no longer wanted'));
      expect(await aborted).toMatchObject({ code: 'PGHERD_ABORTED' });
      const error = await late;
      expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
      expect(String(error)).toContain('nothing was sent');
      expect(waiting(db)).toBe(0);
    });
    expect((await db.query('select 3 as n')).rows).toEqual([{ n: 3 }]);
  });

  it('wait no longer than waitTimeoutMs, and are told so', async () => {
    await using db = open(setUp.cluster, { ...NARROW, waitTimeoutMs: 300 });
    // What takes long on a busy machine is done before: the node is known, its connection open.
    await db.warmUp();
    await whileBlocked(db, async () => {
      const errors = await Promise.all(times(5, () => rejection(db.query('select 1'))));
      expect(errors.map(codeOf)).toEqual(times(5, () => 'PGHERD_WAIT_TIMEOUT'));
      expect(String(errors[0])).toContain('waitTimeoutMs');
      expect(waiting(db)).toBe(0);
    });
  });

  it('let a lease that came before them go first', async () => {
    await using db = open(setUp.cluster, NARROW);
    const order: string[] = [];
    const calls: Promise<unknown>[] = [];
    await whileBlocked(db, async () => {
      calls.push(db.use(() => void order.push('lease')));
      await waitUntil(() => waiting(db) === 1, { what: 'the lease to wait' });
      calls.push(...times(20, () => db.query('select 1').then(() => order.push('statement'))));
      await waitUntil(() => waiting(db) === 21, { what: 'the statements to wait' });
    });
    await Promise.all(calls);
    expect(order[0]).toBe('lease');
    expect(order).toHaveLength(21);
  });

  it('leave the last connection to short ones where they are long themselves, as long as there are any', async () => {
    const clock = new SlowableClock();
    await using db = open(setUp.cluster, { clock, pool: { max: 3, validate: 'never' } });
    const leases = await Promise.all(times(3, () => db.acquire()));
    for (const lease of leases) lease.release();
    await learnSleep(db);
    const cancelled: boolean[] = [];
    db.on('statement:cancelled', ({ ended }) => cancelled.push(ended));
    const controller = new AbortController();
    const first = new AbortController();
    const signalOf = (n: number) => (n === 0 ? first.signal : controller.signal);
    let goOn = true;
    const shortOnes = async () => {
      while (goOn) await db.query('select 1');
    };
    // From one short one to the next no time passes that would count, however busy the machine is.
    clock.runAt(0.001);
    const short = shortOnes();
    onTestFinished(() => short.catch(() => undefined));
    const long = fates(times(4, (n) => db.query(SLEEP, [600], { signal: signalOf(n) })));
    await waitUntil(async () => (await asleep()) === 2, { what: 'two to run' });
    await waitUntil(() => waiting(db) === 2, { what: 'two to wait' });
    // As soon as nothing short comes any more the others may have all there is.
    goOn = false;
    await short;
    clock.runAt(1);
    await waitUntil(async () => (await asleep()) === 3, { what: 'three to run' });
    await waitUntil(() => waiting(db) === 1, { what: 'one to wait' });
    first.abort();
    await waitUntil(() => cancelled.length === 1, { what: 'the first to be cancelled' });
    await waitUntil(() => waiting(db) === 0, { what: 'the last to run' });
    await waitUntil(async () => (await asleep()) === 3, { what: 'three to run again' });
    controller.abort();
    expect(await long).not.toContain('ok');
    await waitUntil(async () => (await asleep()) === 0, { what: 'all to be cancelled' });
    await waitUntil(() => cancelled.length === 4, { what: 'all to be told of' });
    expect(cancelled).toEqual(times(4, () => true));
    expect((await db.query('select 3 as n')).rows).toEqual([{ n: 3 }]);
  });

  it('end with the cluster', async () => {
    const db = open(setUp.cluster, NARROW);
    await whileBlocked(db, async () => {
      const calls = times(20, () => db.query('select 1'));
      const ends = fates(calls);
      await waitUntil(() => waiting(db) === 20, { what: 'all to wait' });
      const closing = db.close({ timeoutMs: 60_000 });
      expect(new Set(await ends)).toEqual(new Set(['PGHERD_CLOSED']));
      void closing;
    });
    await db.close();
  });

  it('end with the cluster also where they are long and wait for nobody but each other', async () => {
    const db = open(setUp.cluster, { pool: { max: 2, validate: 'never' } });
    await learnSleep(db);
    const calls = times(6, () => db.query(SLEEP, [600]));
    const ends = calls.map((call) => rejection(call));
    await waitUntil(() => waiting(db) === 4, { what: 'four to wait' });
    // What has not begun yet would not be found below, and begin afterwards.
    await waitUntil(async () => (await asleep()) === 2, { what: 'two to run' });
    const closing = db.close({ timeoutMs: 60_000 });
    expect((await Promise.all(ends.slice(2))).map(codeOf)).toEqual(times(4, () => 'PGHERD_CLOSED'));
    db.terminate();
    await closing;
    expect((await Promise.all(ends)).map(codeOf)).not.toContain(undefined);
    // Nobody cancels what ran when everything was ended at once.
    const text = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'";
    await setUp.cluster.primary.sql(text);
  });

  it('look for another node when theirs is lost', async () => {
    await using db = open(setUp.cluster, { ...NARROW, deadAfterMs: 600_000 });
    await db.ready({ primaries: 1, standbys: 2 });
    const [lost, other] = setUp.cluster.standbys;
    const reads = db.with({ target: 'standby' });
    await Promise.all(times(20, () => reads.query('select 1')));
    const frozen = await lost?.freeze();
    const calls = times(60, () => reads.query('select 1'));
    for (const { node } of await Promise.all(calls)) expect([nameOf(lost), nameOf(other)]).toContain(node);
    expect((await reads.query('select 1')).node).toBe(nameOf(other));
    await frozen?.undo();
  });
});
