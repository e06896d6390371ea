import { createTestCluster, type TestCluster, type Undo, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, isLockNotAvailable, isQueryCanceled, PgHerdError } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, createTable, open, quiet, rejection } from '../../src/support.ts';

/** How long each call may take, milliseconds. */
const LIMIT_MS = 400;
/** What a busy machine may add before a call counts as not ended by its limit: the rule itself is held on a virtual clock. */
const MARGIN_MS = 30_000;
/** Limits far behind the call's own: none of them may be what ends it. */
const UNLIMITED: ClusterOptions = {
  waitTimeoutMs: 600_000,
  connectTimeoutMs: 600_000,
  deadAfterMs: 600_000,
  probe: { intervalMs: 600_000, timeoutMs: 600_000 },
  retry: { attempts: 1_000 },
};

/** The ways to run something, each with a limit. */
const VERBS: Readonly<Record<string, (db: Cluster, limit: Limit) => Promise<unknown>>> = {
  'a read': (db, limit) => db.read.query('select 1', [], limit),
  'a write': (db, limit) => db.query('insert into marks (n) values ($1)', [1], limit),
  'an idempotent write': (db, limit) =>
    db.query('update marks set n = 1', [], { ...limit, idempotent: true }),
  'a transaction': (db, limit) => db.transaction((tx) => tx.query('insert into marks (n) values (1)'), limit),
  'begin without end': async (db, limit) => {
    const tx = await db.begin(limit);
    await tx.query('insert into marks (n) values (1)');
    await tx.commit();
  },
  'use of a lease': (db, limit) => db.use((lease) => lease.query('select 1', [], limit), limit),
  'a script': (db, limit) => db.script('select 1; select 2', limit),
  'a batch': (db, limit) => db.batch([{ text: 'select 1' }, { text: 'select 2' }], limit),
  'a stream': async (db, limit) => {
    for await (const row of db.stream('select generate_series(1, 3) as n', [], limit)) void row;
  },
};

interface Limit {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A call's error, once it is certain that its limit ended it. */
async function endOf(work: Promise<unknown>): Promise<unknown> {
  const startedAt = performance.now();
  const error = await rejection(work);
  expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS + MARGIN_MS);
  return error;
}

/** A code and, of an unknown outcome, what it was for. */
function why(error: unknown): string {
  if (!(error instanceof PgHerdError)) return `WRONG: ${String(error)}`;
  return error.code === 'PGHERD_OUTCOME_UNKNOWN' ? `unknown, ${String(codeOf(error.cause))}` : error.code;
}

/** Waits until no call holds or waits for a connection; some may still be opening, as their own limit is far off. */
async function idle(db: Cluster): Promise<void> {
  const unused = () => db.stats().total.leased === 0 && db.stats().total.waiting === 0;
  await waitUntil(unused, { what: 'all connections to be given back' });
}

describe('no call outlives its limit', () => {
  let cluster: TestCluster;
  let db: Cluster;
  let faults: Undo[];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1, proxy: true });
    await createTable(cluster, 'marks', 'n int');
  });
  afterEach(async () => {
    for (const fault of faults) await fault.undo();
    await db.close();
  });
  afterAll(() => cluster?.close());

  const everywhere = async (strike: (node: TestCluster['primary']) => Promise<Undo>): Promise<void> => {
    faults = await Promise.all(cluster.nodes.map(strike));
  };

  const SITUATIONS: Readonly<Record<string, (how: () => Promise<void>) => Promise<void>>> = {
    'once it is connected': async (strike) => {
      db = open(cluster, UNLIMITED);
      await db.ready({ primaries: 1, standbys: 1 });
      await Promise.all([db.query('select 1'), db.read.query('select 1')]);
      await strike();
    },
    'before it ever was': async (strike) => {
      db = open(cluster, UNLIMITED);
      await strike();
    },
  };
  const FAULTS: Readonly<Record<string, () => Promise<void>>> = {
    'the servers are frozen': () => everywhere((node) => node.freeze()),
    'the network swallows everything': () => everywhere((node) => node.partition()),
    'answers get lost': () => everywhere((node) => node.partition({ direction: 'to-client' })),
    'connections are refused': () => everywhere((node) => node.partition({ mode: 'refuse' })),
  };

  const cases = Object.keys(FAULTS).flatMap((fault) =>
    Object.keys(SITUATIONS).map((when) => [fault, when] as const),
  );
  it.each(cases)('%s, %s', async (fault, when) => {
    faults = [];
    await SITUATIONS[when]?.(FAULTS[fault] ?? (async () => undefined));
    const names = Object.keys(VERBS);
    const timed = names.map((name) => endOf(call(name, db, { timeoutMs: LIMIT_MS })));
    const aborted = names.map((name) => endOf(call(name, db, { signal: AbortSignal.timeout(LIMIT_MS) })));
    // A connection that is reset under a write ends it before its limit does.
    const early = fault === 'connections are refused' ? ['unknown, ECONNRESET'] : [];
    const ends = (await Promise.all([...timed, ...aborted])).map(why);
    const expected = ['PGHERD_TIMEOUT', 'PGHERD_ABORTED'].flatMap((code) => [code, `unknown, ${code}`]);
    expect(ends.filter((end) => ![...expected, ...early].includes(end))).toEqual([]);
    await idle(db);
  });

  it('while it waits for a connection that others hold', async () => {
    faults = [];
    db = open(cluster, { ...UNLIMITED, pool: { max: 1 } });
    await using holder = await db.acquire();
    const errors = Object.keys(VERBS)
      .filter((name) => name !== 'a read')
      .map((name) => endOf(call(name, db, { timeoutMs: LIMIT_MS })));
    expect(new Set((await Promise.all(errors)).map(why))).toEqual(new Set(['PGHERD_TIMEOUT']));
    expect(await holder.one('select 1 as n')).toEqual({ n: 1 });
    expect(db.stats().total.waiting).toBe(0);
  });

  it('while it is run again and again', async () => {
    faults = [];
    db = open(cluster, { ...UNLIMITED, retry: { attempts: 1_000_000, budget: 1e9, baseMs: 1, maxMs: 5 } });
    const controller = new AbortController();
    let runs = 0;
    const met = db.transaction(
      async (tx) => {
        runs++;
        if (runs === 3) controller.abort();
        await tx.query("do $$ begin raise exception 'met another' using errcode = '40001'; end $$");
      },
      { signal: controller.signal },
    );
    expect(codeOf(await rejection(met))).toBe('PGHERD_ABORTED');
    expect(runs).toBe(3);
  });
});

function call(name: string, db: Cluster, limit: Limit): Promise<unknown> {
  const verb = VERBS[name];
  if (verb === undefined) throw new Error(`there is no ${name}`);
  return verb(db, limit);
}

describe("the server's own limits", () => {
  let cluster: TestCluster;
  let db: Cluster;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0 });
    await createTable(cluster, 'marks', 'n int');
  });
  afterEach(() => db?.close());
  afterAll(() => cluster?.close());

  it('statementTimeoutMs ends a statement, and its connection serves on', async () => {
    db = open(cluster, { statementTimeoutMs: 100, pool: { max: 1 } });
    const before = await db.one('select pg_backend_pid() as pid');
    const error = await rejection(db.query('select pg_sleep(60)'));
    expect([isQueryCanceled(error), codeOf(error)]).toEqual([true, '57014']);
    expect(await db.one('select pg_backend_pid() as pid')).toEqual(before);
  });

  it('lockTimeoutMs ends the wait for a lock', async () => {
    db = open(cluster, { lockTimeoutMs: 100 });
    await using holder = await db.begin();
    await holder.query('lock table marks');
    const error = await rejection(db.query('insert into marks values (1)'));
    expect([isLockNotAvailable(error), codeOf(error)]).toEqual([true, '55P03']);
  });

  it('idleInTransactionTimeoutMs ends a transaction that nobody goes on with', async () => {
    db = open(cluster, { idleInTransactionTimeoutMs: 100 });
    const closed = new Promise((resolve) => db.on('connection:closed', resolve, { once: true }));
    const tx = await db.begin();
    await tx.query('insert into marks values (7)');
    await closed;
    const error = await rejection(tx.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_CONNECTION_LOST', cause: { code: '25P03' } });
    await tx.rollback();
    expect(await db.rows('select n from marks where n = 7')).toEqual([]);
    await quiet(db);
  });
});
