import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type CallOptions, type Cluster, isOutcomeUnknown, type Transaction } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, createTable, open, quiet, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
/** Holds the lock of the only row. */
let holder: Transaction;
let other: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  await createTable(cluster, 'kept', 'id int primary key, n int');
  other = open(cluster);
});
afterAll(async () => {
  await other?.close();
  await cluster?.close();
});

beforeEach(async () => {
  await other.batch(['delete from kept', 'insert into kept values (1, 0)']);
  holder = await other.begin();
  await holder.query('select 1 from kept for update');
  db = open(cluster, { applicationName: 'gives up' });
});
afterEach(async () => {
  await holder.rollback();
  await db.close();
});

/** Waits until so many statements of the client wait for the lock. */
const untilLocked = (count: number): Promise<unknown> =>
  waitUntil(async () => {
    const rows = await cluster.primary.sql(
      "select 1 from pg_stat_activity where application_name = 'gives up' and wait_event_type = 'Lock'",
    );
    return rows.length === count;
  });

/** Frees the row, and gives what is in it once nothing of the client runs any more. */
async function atTheEnd(): Promise<unknown> {
  await holder.rollback();
  await quiet(db);
  return (await other.one('select n from kept where id = 1'))['n'];
}

const ADD = 'update kept set n = n + 1 where id = 1';

/** Ways to run a write outside a transaction. */
const WAYS: readonly [string, (options: CallOptions) => Promise<unknown>][] = [
  ['query', (options) => db.query(ADD, [], options)],
  ['batch', (options) => db.batch([ADD, ADD], options)],
  [
    'a statement that needs a connection of its own',
    (options) => db.query(`explain analyze ${ADD}`, [], options),
  ],
  ['a lease', (options) => db.use((lease) => lease.query(ADD, [], options))],
  ['script', (options) => db.script(`${ADD}; ${ADD}`, options)],
  ['transaction', (options) => db.transaction((tx) => tx.query(ADD), options)],
];

describe('a write that waits for a lock, when its caller gives up', () => {
  it.each(
    WAYS.filter(([way]) => way !== 'script'),
  )('by %s: it was not executed, and the error says so', async (_way, write) => {
    const late = await rejection(write({ timeoutMs: 200 }));
    expect(late).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const control = new AbortController();
    const call = rejection(write({ signal: control.signal }));
    await untilLocked(1);
    const reason = new Error('enough');
    control.abort(reason);
    expect(await call).toMatchObject({ code: 'PGHERD_ABORTED', name: 'AbortError', cause: reason });
    expect(await atTheEnd()).toBe(0);
  });

  it('by script: a part of it may have been committed before', async () => {
    expect(isOutcomeUnknown(await rejection(db.script(`${ADD}; ${ADD}`, { timeoutMs: 200 })))).toBe(true);
    expect(await atTheEnd()).toBe(0);
  });

  it('by a procedure: a part of it may have been committed before', async () => {
    await other.query(`create or replace procedure twice() language plpgsql as
      $$ begin insert into kept values (2, 0) on conflict (id) do nothing; commit; update kept set n = n + 1; end $$`);
    const error = await rejection(db.query('call twice()', [], { timeoutMs: 200 }));
    expect(isOutcomeUnknown(error)).toBe(true);
    expect(await atTheEnd()).toBe(0);
  });

  it('and its lock is freed meanwhile: the call gets the answer, or was not executed', async () => {
    const ends: unknown[] = [];
    for (let round = 0; round < 5; round++) {
      const control = new AbortController();
      const call = db.query(ADD, [], { signal: control.signal }).then(({ rowCount }) => rowCount, codeOf);
      await untilLocked(1);
      const freed = holder.rollback();
      control.abort();
      await freed;
      const end = await call;
      ends.push(end);
      expect([1, 'PGHERD_ABORTED']).toContain(end);
      holder = await other.begin();
      await holder.query('select 1 from kept for update');
    }
    expect(await atTheEnd()).toBe(ends.filter((end) => end === 1).length);
  });
});

describe('a statement that waits behind another one of its connection, when its caller gives up', () => {
  const limits: readonly [string, () => CallOptions, string][] = [
    ['out of time', () => ({ timeoutMs: 100 }), 'PGHERD_TIMEOUT'],
    ['aborted', () => ({ signal: AbortSignal.timeout(100) }), 'PGHERD_ABORTED'],
  ];

  it.each(limits)('on a lease, %s: it never runs, and the one before goes on', async (_what, limit, code) => {
    await using lease = await db.acquire();
    const first = lease.query(ADD);
    const second = rejection(lease.query('update kept set n = 50', [], limit()));
    expect(await second).toMatchObject({ code, details: { phase: 'not-handed' } });
    await holder.rollback();
    await first;
    expect(await lease.one('select n from kept where id = 1')).toEqual({ n: 1 });
  });

  it.each(
    limits,
  )('in a transaction, %s: it never runs, and the transaction goes on', async (_what, limit, code) => {
    await db.transaction(async (tx) => {
      const first = tx.query(ADD);
      const second = rejection(tx.query('update kept set n = 50', [], limit()));
      expect(await second).toMatchObject({ code, details: { phase: 'not-handed' } });
      await holder.rollback();
      await first;
    });
    expect(await atTheEnd()).toBe(1);
  });

  it('is refused before, if its signal was aborted already', async () => {
    const options = { signal: AbortSignal.abort() };
    await db.transaction(async (tx) => {
      expect(codeOf(await rejection(tx.query('select 1', [], options)))).toBe('PGHERD_ABORTED');
      expect(await tx.one('select 1 as one')).toEqual({ one: 1 });
    });
  });
});

describe('limits that limit nothing', () => {
  const VERBS: readonly [string, (options: CallOptions) => unknown][] = [
    ...WAYS,
    ['begin', (options) => db.begin(options)],
    ['acquire', (options) => db.acquire(options)],
    ['use', (options) => db.use(() => undefined, options)],
    ['stream', (options) => db.stream('select 1', [], options).next()],
    ['copyFrom', (options) => db.copyFrom('copy kept from stdin', [], options)],
    ['copyTo', (options) => db.copyTo('copy kept to stdout', options).next()],
    ['notify', (options) => db.notify('news', 'x', options)],
    ['listen', (options) => db.listen('news', () => undefined, options)],
    ['ready', (options) => db.ready(options)],
    ['with', (options) => db.with(options).query('select 1')],
    ['a statement of a transaction', (options) => db.transaction((tx) => tx.query('select 1', [], options))],
  ];
  const WRONG: readonly [string, object][] = [
    ['timeoutMs', { timeoutMs: '100' }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['timeoutMs', { timeoutMs: -1 }],
    ['signal', { signal: new AbortController() }],
    ['signal', { signal: 'stop' }],
  ];

  it.each(VERBS)('are refused by %s', async (_verb, call) => {
    for (const [argument, options] of WRONG)
      expect(await rejection(Promise.resolve().then(() => call(options)))).toMatchObject({
        code: 'PGHERD_INVALID_ARGUMENT',
        details: { argument },
      });
  });
});
