import { setTimeout as lasting } from 'node:timers/promises';
import { FAKE_PHASES, type FakeAction, type FakePostmaster, waitUntil } from '@pgherd/testing';
import { FAULTS, PATIENCE_MS } from '@pgherd/testing/internal';
import type { Cluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { fakeCluster, isCoded, openFakes } from '../../src/fakes.ts';
import { codeOf, rejection } from '../../src/support.ts';

const READ = 'select n from t where id = $1';
const WRITE = 'insert into t values ($1)';
const AUTHENTICATION = { method: 'scram-sha-256', password: 'secret' } as const;
/** How long a call has for what is not under test, milliseconds. */
const LIMIT_MS = 700;

const CONNECTING = FAKE_PHASES.slice(0, FAKE_PHASES.indexOf('query'));

/** How a call ended: `ok`, the code of its error, or what is wrong with it. */
async function outcome(work: Promise<unknown>): Promise<string> {
  const end = work.then(
    () => 'ok',
    (error: unknown) =>
      isCoded(error) ? String(codeOf(error) ?? 'connection lost') : `WRONG: uncoded ${String(error)}`,
  );
  const late = lasting(PATIENCE_MS, `WRONG: did not end within ${PATIENCE_MS} ms`, { ref: false });
  return Promise.race([end, late]);
}

/** How a call ended whose limit begins once `struck` says so: a slow machine does not use it up before. */
async function outcomeOnce(
  struck: () => boolean,
  start: (signal: AbortSignal) => Promise<unknown>,
): Promise<string> {
  const limit = new AbortController();
  let settled = false;
  const end = outcome(start(limit.signal)).finally(() => {
    settled = true;
  });
  await waitUntil(() => struck() || settled, { what: 'the fault to strike' });
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  return end.finally(() => clearTimeout(timer));
}

/** Runs `fn` with each fault, all at once; what went wrong, by fault. */
async function withEach(
  faults: readonly string[],
  fn: (action: FakeAction) => Promise<readonly string[]>,
): Promise<string[]> {
  const found = await Promise.all(
    faults.map(async (fault) => {
      const wrong = await fn(FAULTS[fault] ?? { kind: 'close' }).catch((error: unknown) => [
        `WRONG: ${String(error)}`,
      ]);
      return wrong.filter((one) => one.startsWith('WRONG')).map((one) => `${fault}: ${one}`);
    }),
  );
  return found.flat();
}

/** Reads until the fault has struck; every call must end well or with a code, and on another node than the faulty one or there. */
async function readUntil(db: Cluster, struck: () => boolean): Promise<string[]> {
  const ends: string[] = [];
  await waitUntil(
    async () => {
      const calls = Array.from({ length: 4 }, () => db.read.query(READ, [1], { timeoutMs: 500 }));
      ends.push(...(await Promise.all(calls.map(outcome))));
      return struck();
    },
    { what: 'the fault to strike' },
  );
  return ends;
}

/** One of each family, for whole clusters. */
const FAMILIES = [
  'FATAL 57P01',
  'a warning of a crash, then FIN',
  'RST',
  'an answer of HTTP',
  'a row without its columns',
  'a frozen process',
];

describe('a standby that fails', () => {
  it.each(FAKE_PHASES)('at %s: reads end, and the node is used again afterwards', async (at) => {
    const wrong = await withEach(FAMILIES, async (action) => {
      const authentication = at === 'password' ? AUTHENTICATION : undefined;
      await using fakes = await fakeCluster({ authentication });
      const [faulty, other] = fakes.standbys;
      const early = CONNECTING.includes(at) ? faulty.fault({ at, do: action }) : undefined;
      await using db = openFakes(fakes);
      await db.ready({ primaries: 1, standbys: early === undefined ? 2 : 1 });
      const fault = early ?? faulty.fault({ at, do: action });
      const ends = await readUntil(db, () => fault.hits > 0);
      // Whatever the faulty node does, another one answers.
      const elsewhere = await db.read.query(READ, [1], { node: other.name });
      if (elsewhere.node !== other.name) ends.push('WRONG: not the node that was asked for');
      await fault.undo();
      const again = () => db.read.query(READ, [1], { node: faulty.name, timeoutMs: 500 });
      await waitUntil(async () => (await again()).node, { what: 'the node to be used again' });
      return ends;
    });
    expect(wrong).toEqual([]);
  });
});

describe('a primary that fails once', () => {
  const phases = FAKE_PHASES.slice(FAKE_PHASES.indexOf('query') + 1);
  it.each(phases)('at %s of a write: the write ends, and goes nowhere else', async (at) => {
    const wrong = await withEach(FAMILIES, async (action) => {
      await using fakes = await fakeCluster();
      await using db = openFakes(fakes);
      await db.ready({ primaries: 1, standbys: 2 });
      const fault = fakes.primary.fault({
        at,
        // A statement without rows has none to fail at.
        times: 1,
        when: (_connection, statement) => statement?.text === WRITE,
        do: action,
      });
      const struck = () => fault.hits > 0;
      const end = await outcomeOnce(struck, (signal) => db.query(WRITE, [1], { signal }));
      const ends = [end];
      if (fault.hits === 0 && at !== 'row') ends.push('WRONG: the fault did not strike');
      const sent = fakes.primary.statements.filter(({ text }) => text === WRITE).length;
      if (end === 'PGHERD_OUTCOME_UNKNOWN' && sent > 1) ends.push(`WRONG: unknown, and sent ${sent} times`);
      if (fakes.standbys.some(wasWritten)) ends.push('WRONG: a standby got the write');
      await fault.undo();
      const again = () => db.query(WRITE, [2], { timeoutMs: LIMIT_MS });
      await waitUntil(async () => (await outcome(again())) === 'ok', { what: 'writes to go on' });
      return ends;
    });
    expect(wrong).toEqual([]);
  });
});

function wasWritten(node: FakePostmaster): boolean {
  return node.statements.some(({ text }) => text === WRITE);
}

/** What the cluster knows of a fake. */
function described(db: Cluster, fake: FakePostmaster) {
  return db.nodes().find((node) => node.name === fake.name);
}

describe('one node of three refuses', () => {
  it.each([
    ['3D000', 'database-missing'],
    ['28P01', 'authentication'],
    ['28000', 'authentication'],
    ['53300', 'too-many-connections'],
  ] as const)('with %s: the others serve', async (sqlState, connectFailure) => {
    await using fakes = await fakeCluster();
    const [faulty, other] = fakes.standbys;
    faulty.fault({ at: 'startup', do: { kind: 'error', severity: 'FATAL', sqlState } });
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 1 });
    await waitUntil(() => described(db, faulty)?.connectFailure === connectFailure);
    expect((await db.query(WRITE, [1])).node).toBe(fakes.primary.name);
    for (let call = 0; call < 5; call += 1) expect((await db.read.query(READ, [1])).node).toBe(other.name);
  });

  it('with 57P03 for a while: it is used as soon as it has started', async () => {
    await using fakes = await fakeCluster();
    const starting = fakes.primary.fault({
      at: 'startup',
      do: { kind: 'error', severity: 'FATAL', sqlState: '57P03' },
    });
    await using db = openFakes(fakes);
    const waiting = db.query(WRITE, [1]);
    await fakes.primary.waitFor(() => starting.hits > 3);
    await starting.undo();
    expect((await waiting).node).toBe(fakes.primary.name);
  });

  it('because it is PostgreSQL 12: the others serve', async () => {
    await using fakes = await fakeCluster();
    const [old, other] = fakes.standbys;
    old.change({ version: '12.22' });
    await using db = openFakes(fakes);
    await waitUntil(() => described(db, old)?.connectFailure === 'server-too-old', {
      what: await db.read.query(READ, [1]).then(({ node }) => `${old.name} to be refused; ${node} answered`),
    });
    await db.ready({ standbys: 1 });
    expect((await db.read.query(READ, [1])).node).toBe(other.name);
    for (const node of [fakes.primary, other]) node.change({ version: '12.22' });
    await using later = openFakes(fakes);
    expect(await rejection(later.query('select 1'))).toMatchObject({ code: 'PGHERD_SERVER_TOO_OLD' });
  });

  it.runIf(process.platform === 'linux')('by accepting nobody: the others serve', async () => {
    await using fakes = await fakeCluster();
    const [faulty, other] = fakes.standbys;
    const full = await faulty.acceptNobody();
    await using db = openFakes(fakes);
    expect((await db.query(WRITE, [1])).node).toBe(fakes.primary.name);
    expect((await db.read.query(READ, [1])).node).toBe(other.name);
    await full.undo();
    await db.ready({ standbys: 2 });
  });
});

describe('probes with bad answers', () => {
  /** Stands for a value of 10 MB, which no title of a test could hold. */
  const HUGE = Symbol('10 MB');
  /** And whether the answer still tells the role. */
  const ANSWERS: readonly (readonly [string, Readonly<Record<string, unknown>>, boolean])[] = [
    ['no role', { in_recovery: null }, false],
    ['a role that is none', { in_recovery: 'perhaps' }, false],
    ['read_only that is none', { read_only: '7' }, true],
    ['a version in words', { version: 'eighteen' }, true],
    ['a log position in words', { lsn: 'here', received: 'there' }, true],
    ['a log position too long', { lsn: 'FFFFFFFFF/FFFFFFFFF' }, true],
    ['a log position of 10 MB', { lsn: HUGE }, true],
    ['a negative age', { replay_age: '-5000' }, true],
    ['an age that is no number', { replay_age: 'NaN' }, true],
    ['an endless age', { replay_age: 'Infinity' }, true],
    ['a timeline of the control file in words', { checkpoint_timeline: 'two' }, true],
    ['a start in words', { started: 'yesterday' }, true],
    ['an identifier in words', { system_identifier: 'mine' }, true],
  ];

  it.each(ANSWERS)('%s', async (_name, change, usable) => {
    await using fakes = await fakeCluster();
    const [odd, other] = fakes.standbys;
    const huge = 'F'.repeat(10 * 1024 * 1024);
    const changed = Object.entries(change).map(([column, value]) => [column, value === HUGE ? huge : value]);
    odd.rewriteProbes((row) => ({ ...row, ...Object.fromEntries(changed) }));
    await using db = openFakes(fakes, { probe: { intervalMs: 50, timeoutMs: 2_000 } });
    await db.ready({ primaries: 1, standbys: usable ? 2 : 1 });
    await odd.waitFor(() => odd.statements.length > 2);
    expect((await db.query(WRITE, [1])).node).toBe(fakes.primary.name);
    const served = new Set<string>();
    for (let call = 0; call < 20; call += 1) served.add((await db.read.query(READ, [1])).node);
    expect(served.has(other.name)).toBe(true);
    const lag = described(db, odd)?.lag;
    expect(lag?.ms ?? 0).toBeGreaterThanOrEqual(0);
    expect(lag?.bytes ?? 0n).toBeGreaterThanOrEqual(0);
  });

  it.each([
    ['no columns at all', () => ({})],
    ['columns of somebody else', () => ({ greeting: 'hello' })],
    [
      'no row of facts but the role',
      (row: Readonly<Record<string, unknown>>) => ({ in_recovery: row['in_recovery'] }),
    ],
  ])('of the primary: %s', async (_name, rewrite) => {
    await using fakes = await fakeCluster();
    fakes.primary.rewriteProbes(rewrite);
    await using db = openFakes(fakes, { waitTimeoutMs: 1_500 });
    await db.ready({ standbys: 2, timeoutMs: PATIENCE_MS });
    const end = await outcome(db.query(WRITE, [1]));
    // Its ParameterStatus still tells the role.
    expect(['ok', 'PGHERD_NO_SUITABLE_NODE']).toContain(end);
    expect(fakes.standbys.some(wasWritten)).toBe(false);
    expect((await db.read.query(READ, [1])).node).not.toBe(fakes.primary.name);
  });

  it('timeline FFFFFFFF, then 1: fenced by its own word, without harm to reads', async () => {
    await using fakes = await fakeCluster();
    fakes.primary.change({ timeline: 0xffff_ffff });
    await using db = openFakes(fakes, { waitTimeoutMs: 500 });
    await db.ready({ primaries: 1, standbys: 2, timeoutMs: PATIENCE_MS });
    expect((await db.query(WRITE, [1])).node).toBe(fakes.primary.name);
    fakes.primary.change({ timeline: 1 });
    await waitUntil(() => described(db, fakes.primary)?.standing === 'stale');
    expect(await rejection(db.query(WRITE, [2]))).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect((await db.read.query(READ, [1])).node).not.toBe(fakes.primary.name);
  });
});

describe('servers that are not what they were', () => {
  it('another system at the address of a standby gets nothing', async () => {
    await using fakes = await fakeCluster();
    const [replaced, other] = fakes.standbys;
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 2 });
    replaced.change({ systemIdentifier: '7300000000000000099' });
    await waitUntil(() => described(db, replaced)?.standing === 'foreign');
    for (let call = 0; call < 5; call += 1) expect((await db.read.query(READ, [1])).node).toBe(other.name);
    replaced.change({ systemIdentifier: other.facts.systemIdentifier });
    await db.ready({ standbys: 2 });
  });

  it('another system at the address of the primary gets no write', async () => {
    await using fakes = await fakeCluster();
    await using db = openFakes(fakes, { waitTimeoutMs: 500 });
    await db.ready({ primaries: 1, standbys: 2, timeoutMs: PATIENCE_MS });
    await db.query(WRITE, [1]);
    const before = fakes.primary.statements.filter(({ text }) => text === WRITE).length;
    fakes.primary.change({ systemIdentifier: '7300000000000000099' });
    await waitUntil(() => described(db, fakes.primary)?.standing === 'foreign');
    expect(isCoded(await rejection(db.query(WRITE, [2])))).toBe(true);
    expect(fakes.primary.statements.filter(({ text }) => text === WRITE)).toHaveLength(before);
  });

  it('a start of the postmaster that jumps back is a restart like any other', async () => {
    await using fakes = await fakeCluster();
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 2 });
    const before = described(db, fakes.primary)?.generation ?? 0;
    fakes.primary.change({ startedAt: '1000000' });
    await waitUntil(() => (described(db, fakes.primary)?.generation ?? 0) > before);
    expect((await db.query(WRITE, [1])).node).toBe(fakes.primary.name);
  });
});

describe('ParameterStatus', () => {
  it('that contradicts the probes makes no primary of a standby', async () => {
    await using fakes = await fakeCluster();
    const [odd] = fakes.standbys;
    odd.change({ parameters: { in_hot_standby: 'off' } });
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 2 });
    for (let call = 0; call < 20; call += 1) {
      await db.read.query(READ, [1]);
      expect((await db.query(WRITE, [call])).node).toBe(fakes.primary.name);
    }
    expect(wasWritten(odd)).toBe(false);
  });

  it('that flaps: writes go on, to the primary alone', async () => {
    await using fakes = await fakeCluster();
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 2 });
    for (let call = 0; call < 30; call += 1) {
      const value = call % 2 === 0 ? 'on' : 'off';
      for (const node of fakes.nodes) node.change({ parameters: { in_hot_standby: value } });
      await Promise.all([db.read.query(READ, [call]), outcome(db.query(WRITE, [call], { timeoutMs: 50 }))]);
      for (const node of fakes.nodes) node.change({ parameters: {} });
      expect((await db.query(WRITE, [call])).node).toBe(fakes.primary.name);
    }
    await db.ready({ primaries: 1, standbys: 2 });
    expect(fakes.standbys.some(wasWritten)).toBe(false);
  });

  it.each(['13.18', '18.4'])('PostgreSQL %s: a failover is seen with it or without it', async (version) => {
    await using fakes = await fakeCluster({ version });
    const [successor] = fakes.standbys;
    await using db = openFakes(fakes);
    await db.ready({ primaries: 1, standbys: 2 });
    await db.query(WRITE, [1]);
    await fakes.primary.refuse();
    // A write into a socket whose end nobody has noticed would rightly be of unknown outcome.
    await waitUntil(() => described(db, fakes.primary)?.health === 'offline');
    const waiting = db.query(WRITE, [2]);
    // The standbys are asked by long poll now, which ends with the promotion.
    await successor.waitFor(() => successor.open.some((one) => one.busy));
    successor.change({ role: 'primary', timeline: 2 });
    expect((await waiting).node).toBe(successor.name);
  });
});
