import { Readable } from 'node:stream';
import type { SeededRandom, TestNode } from '@pgherd/testing';
import type { CallOptions, Cluster, Querier, Statement, Transaction } from 'pgherd';

/** What a call of the fuzz may do. */
export interface FuzzContext {
  readonly db: Cluster;
  readonly random: SeededRandom;
  /** Name of a row for each call to write. */
  nextId(): number;
}

/** One call: how a report names it, and what it does. */
export interface FuzzCall {
  readonly name: string;
  /** The row that it writes. */
  readonly id: number;
  /** Whether it is there if the call succeeds; else it never is. */
  readonly writes: boolean;
  run(limit: CallOptions): Promise<unknown>;
}

/** Thrown by the functions of the fuzz itself. */
export class OwnError extends Error {
  readonly code = 'OWN';
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[Math.floor(random.next() * from.length)] as T;
}

const circle: { self?: unknown } = {};
circle.self = circle;

/** Statements that are wrong in themselves, and values that no driver or server can take. */
const WRONG: readonly (Statement | undefined)[] = Object.freeze([
  { text: 'select $1::int', values: [] },
  { text: 'select 1', values: [1, 2] },
  { text: 'select $1::int', values: ['many'] },
  { text: 'select $1::int', values: [2 ** 40] },
  { text: 'select $1::text', values: ['with \0 inside'] },
  { text: 'select $1::jsonb', values: [circle] },
  { text: 'select $1::text', values: [Symbol('no')] },
  { text: 'select $1::int[]', values: [[1, [2, 3]]] },
  { text: 'selec 1' },
  { text: 'select * from nowhere' },
  { text: 'select 1 / 0' },
  { text: 'insert into fuzz (id) values (null)' },
  { text: 'select 1; select 2' },
  { text: 'begin' },
  { text: 'commit' },
  { text: 'rollback' },
  { text: 'savepoint a' },
  { text: 'copy fuzz from stdin' },
  { text: 'copy fuzz to stdout' },
  { text: 'listen there' },
  { text: "do $$ begin raise exception 'met another' using errcode = '40001'; end $$" },
  { text: 'select pg_sleep(5)' },
  { text: 'lock table fuzz in access exclusive mode nowait' },
  { text: '' },
  { text: '-- nothing but a comment' },
  { text: 'select pg_terminate_backend(pg_backend_pid())' },
  { text: "select set_config('work_mem', 'lots', false)" },
  { text: 'select 1', name: 'x'.repeat(64) },
  { text: 'select 1', values: 7 as unknown as readonly unknown[] },
  { text: 42 as unknown as string },
  undefined,
]);

/** Options that make no sense. */
const WRONG_OPTIONS: readonly CallOptions[] = Object.freeze([
  { timeoutMs: -1 },
  { timeoutMs: Number.NaN },
  { target: 'master' as 'primary' },
  { node: '' },
  { maxLagMs: -5 },
  { tags: 7 as unknown as Record<string, string> },
  { target: 'standby', tags: { disk: 'none has this' } },
]);

const INSERT = 'insert into fuzz (id) values ($1)';
type Verb = (context: FuzzContext, id: number) => (limit: CallOptions) => Promise<unknown>;

async function drain(rows: AsyncIterable<unknown>, most = Number.POSITIVE_INFINITY): Promise<number> {
  let count = 0;
  for await (const row of rows) {
    void row;
    count++;
    if (count >= most) break;
  }
  return count;
}

/** A statement as one of the verbs for single statements runs it. */
function single(
  querier: Querier,
  random: SeededRandom,
  statement: Statement,
  options: CallOptions,
): Promise<unknown> {
  const verb = pick(random, ['query', 'rows', 'maybeOne', 'one', 'batch', 'stream'] as const);
  const config = { ...statement, ...options };
  switch (verb) {
    case 'batch':
      return querier.batch([{ text: 'select 1' }, statement, { text: 'select 2' }], options);
    case 'stream':
      return drain(querier.stream(config), pick(random, [1, Number.POSITIVE_INFINITY]));
    case 'query':
      return querier.query(config);
    case 'rows':
      return querier.rows(config);
    case 'one':
      return querier.one(config);
    case 'maybeOne':
      return querier.maybeOne(config);
    default:
      return verb satisfies never;
  }
}

/** Calls that write the row `id` if they succeed, all of them or nothing. */
const WRITES: Readonly<Record<string, Verb>> = {
  insert:
    ({ db }, id) =>
    (limit) =>
      db.query(INSERT, [id], limit),
  'slow insert':
    ({ db }, id) =>
    (limit) =>
      db.query('insert into fuzz (id) select $1 from pg_sleep(0.05)', [id], limit),
  'insert by a tag':
    ({ db }, id) =>
    (limit) =>
      db.query(db.sql`insert into fuzz (id) values (${id})`, limit),
  'insert in a batch':
    ({ db }, id) =>
    (limit) =>
      db.batch(['select 1', { text: INSERT, values: [id] }, 'select 2'], limit),
  transaction:
    ({ db }, id) =>
    (limit) =>
      db.transaction(async (tx) => {
        await tx.query('select 1');
        await tx.query(INSERT, [id]);
      }, limit),
  'transaction with a savepoint that is undone':
    ({ db }, id) =>
    (limit) =>
      db.transaction(async (tx) => {
        await tx.query(INSERT, [id]);
        await tx.transaction((inner) => inner.query('select 1 / 0')).catch(() => undefined);
      }, limit),
  'begin and commit':
    ({ db }, id) =>
    async (limit) => {
      await using tx = await db.begin(limit);
      await tx.query(INSERT, [id]);
      await tx.commit();
    },
  'insert on a lease':
    ({ db }, id) =>
    (limit) =>
      db.use((lease) => lease.query(INSERT, [id], limit), limit),
  copy:
    ({ db }, id) =>
    (limit) =>
      db.copyFrom('copy fuzz (id) from stdin', Readable.from([`${id}\n`]), limit),
};

/** Calls that write nothing, whatever becomes of them. */
const OTHERS: Readonly<Record<string, Verb>> = {
  read:
    ({ db, random }) =>
    (limit) =>
      single(db.read, random, { text: 'select count(*) from fuzz' }, limit),
  'long read':
    ({ db, random }) =>
    (limit) =>
      single(db.read, random, { text: 'select pg_sleep(5)' }, limit),
  'wrong statement': ({ db, random }) => {
    const statement = pick(random, WRONG);
    const querier = pick(random, [db, db.read]);
    return (limit) => single(querier, random, statement as Statement, limit);
  },
  'wrong options': ({ db, random }) => {
    const options = pick(random, WRONG_OPTIONS);
    return (limit) => single(db, random, { text: 'select 1' }, { ...limit, ...options });
  },
  'aborted before':
    ({ db, random }) =>
    (limit) =>
      single(db, random, { text: 'select 1' }, { ...limit, signal: AbortSignal.abort() }),
  'aborted soon':
    ({ db, random }) =>
    (limit) =>
      single(
        db.read,
        random,
        { text: 'select pg_sleep(5)' },
        { ...limit, signal: AbortSignal.timeout(Math.floor(random.next() * 60)) },
      ),
  'transaction that throws':
    ({ db }, id) =>
    (limit) =>
      db.transaction(async (tx) => {
        await tx.query(INSERT, [id]);
        throw new OwnError('no');
      }, limit),
  'transaction with a wrong statement': ({ db, random }) => {
    const statement = pick(random, WRONG);
    return (limit) => db.transaction((tx) => single(tx, random, statement as Statement, {}), limit);
  },
  'transaction that never returns':
    ({ db }, id) =>
    (limit) =>
      db.transaction(async (tx) => {
        await tx.query(INSERT, [id]);
        await new Promise(() => undefined);
      }, limit),
  'transaction whose error is swallowed':
    ({ db }, id) =>
    (limit) =>
      db.transaction(async (tx) => {
        await tx.query(INSERT, [id]);
        await tx.query('select 1 / 0').catch(() => undefined);
      }, limit),
  'transaction that is kept for later':
    ({ db }) =>
    async (limit) => {
      let kept: Transaction | undefined;
      await db.transaction(async (tx) => {
        kept = tx;
        await tx.query('select 1');
      }, limit);
      await kept?.query('select 1');
    },
  'write where none may be':
    ({ db }, id) =>
    (limit) =>
      db.transaction((tx) => tx.query(INSERT, [id]), { ...limit, readOnly: true }),
  'begin and nothing more':
    ({ db }, id) =>
    async (limit) => {
      await using tx = await db.begin(limit);
      await tx.query(INSERT, [id]);
    },
  'lease that is left in a transaction':
    ({ db }, id) =>
    async (limit) => {
      await using lease = await db.acquire(limit);
      await lease.script('begin', limit);
      await lease.query(INSERT, [id], limit);
    },
  'lease that is released twice and used again':
    ({ db }) =>
    async (limit) => {
      const lease = await db.acquire(limit);
      lease.release();
      lease.release();
      await lease.query('select 1', [], limit);
    },
  'copy whose source fails':
    ({ db }, id) =>
    (limit) => {
      async function* source() {
        yield `${id}\n`;
        throw new OwnError('the source is dry');
      }
      return db.copyFrom('copy fuzz (id) from stdin', source(), limit);
    },
  'copy out that is left early':
    ({ db }) =>
    async (limit) => {
      await drain(db.copyTo('copy (select generate_series(1, 20000)) to stdout', limit), 1);
    },
  'stream that is left early':
    ({ db }) =>
    (limit) =>
      drain(db.stream('select generate_series(1, 5000) as n', [], limit), 10),
  'batch with an error in the middle':
    ({ db }, id) =>
    (limit) =>
      db.batch([{ text: INSERT, values: [id] }, 'select 1 / 0', 'select 2'], limit),
};

/** The next call, drawn by the dice. */
export function drawCall(context: FuzzContext): FuzzCall {
  const { random } = context;
  const writes = random.next() < 0.5;
  const table = writes ? WRITES : OTHERS;
  const name = pick(random, Object.keys(table));
  const id = context.nextId();
  const verb = table[name];
  if (verb === undefined) throw new Error(`there is no ${name}`);
  return { name, id, writes, run: verb(context, id) };
}

/** Faults that pass by themselves or are undone: no node is lost for good, so that what was acknowledged must be there. */
export const PASSING_FAULTS: Readonly<
  Record<string, (node: TestNode, hold: () => Promise<void>) => Promise<void>>
> = {
  reset: async (node) => node.proxy.reset(),
  'sessions terminated': async (node) => {
    await node.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'");
  },
  blackhole: async (node, hold) => {
    await using _fault = await node.partition();
    await hold();
  },
  'answers lost': async (node, hold) => {
    await using _fault = await node.partition({ mode: 'drop', direction: 'to-client' });
    await hold();
  },
  refused: async (node, hold) => {
    await using _fault = await node.partition({ mode: 'refuse' });
    await hold();
  },
  frozen: async (node, hold) => {
    await using _fault = await node.freeze();
    await hold();
  },
  slow: async (node, hold) => {
    await using _fault = await node.proxy.delay(30);
    await hold();
  },
};
