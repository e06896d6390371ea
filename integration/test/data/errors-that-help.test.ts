import { inspect } from 'node:util';
import { waitUntil } from '@pgherd/testing';
import { isUniqueViolation } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { nameOf } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key, name text)']);
const WRONG = 'select * form items';
/** No node has this label. */
const NOWHERE = { tags: { zone: 'nowhere' }, timeoutMs: 30 };

/** What a program does, in a function of its own, whose name must be in the stack. */
async function programsFunction(work: () => Promise<unknown>): Promise<never> {
  await work();
  throw new Error('nothing was thrown');
}

async function errorOf(work: () => Promise<unknown>): Promise<Error & { query?: string; node?: string }> {
  return programsFunction(work).then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: Error) => error,
  );
}

const all = async (rows: AsyncIterable<unknown>): Promise<void> => {
  for await (const _row of rows);
};

/** Every verb that runs a statement, with the statement that fails. */
const WRONG_STATEMENTS: Readonly<Record<string, () => Promise<unknown>>> = {
  query: () => it1.db.query(WRONG),
  'query, with a limit': () => it1.db.query(WRONG, [], { timeoutMs: 60_000 }),
  'query, hedged': () => it1.db.read.query(WRONG, [], { hedge: true }),
  rows: () => it1.db.rows(WRONG),
  one: () => it1.db.one(WRONG),
  maybeOne: () => it1.db.maybeOne(WRONG),
  sql: async () => it1.db.sql`select * form items`,
  'read.query': () => it1.db.read.query(WRONG),
  'query in a causal scope': () => it1.db.causal(() => it1.db.query(WRONG)),
  stream: () => all(it1.db.stream(WRONG)),
  batch: () => it1.db.batch(['select 1', WRONG]),
  script: () => it1.db.script(WRONG),
  'transaction, query': () => it1.db.transaction((tx) => tx.query(WRONG)),
  'transaction, second query': () =>
    it1.db.transaction(async (tx) => {
      await tx.query('select 1');
      await tx.query(WRONG);
    }),
  'transaction, batch': () => it1.db.transaction((tx) => tx.batch(['select 1', WRONG])),
  'transaction, savepoint': () => it1.db.transaction((tx) => tx.transaction((inner) => inner.query(WRONG))),
  'begin, query': async () => {
    await using tx = await it1.db.begin();
    await tx.query(WRONG);
  },
  'lease, query': async () => {
    await using lease = await it1.db.acquire();
    await lease.query(WRONG);
  },
  'lease, stream': async () => {
    await using lease = await it1.db.acquire();
    await all(lease.stream(WRONG));
  },
  'use, query': () => it1.db.use((lease) => lease.query(WRONG)),
};

describe('an error of the server', () => {
  it.each(
    Object.entries(WRONG_STATEMENTS),
  )('%s: it names the caller, the statement and the node', async (_name, work) => {
    const error = await errorOf(work);
    expect(error).toMatchObject({ code: '42601', node: nameOf(it1.cluster.primary) });
    expect(error.stack).toMatch(/^error: syntax error at or near "form"\n {4}at /);
    expect(error.stack).toMatch(/ programsFunction .*errors-that-help\.test\.ts/);
    expect(error.query).toBe(WRONG);
    expect(Object.keys(error)).not.toContain('query');
    expect(inspect(error)).toMatch(/LINE 1: select \* form items\n {17}\^$/);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['copyFrom', () => it1.db.copyFrom('copy nothing from stdin', [Buffer.from('1\n')])],
    ['copyTo', () => all(it1.db.copyTo('copy nothing to stdout'))],
  ])('%s: it names the caller and the statement', async (_name, work) => {
    const error = await errorOf(work);
    expect(error).toMatchObject({ code: '42P01' });
    expect(error.stack).toMatch(/ programsFunction /);
    expect(error.query).toMatch(/^copy nothing/);
  });

  it('shows no value: they are no part of the text', async () => {
    const error = await errorOf(() => it1.db.query('select $1::int', ['secret value']));
    expect(error.query).toBe('select $1::int');
    expect(inspect({ ...error, message: '' })).not.toContain('secret value');
  });

  it('has fields with types once a guard has recognised it', async () => {
    await it1.db.query("insert into items values (1, 'hay')");
    const error: unknown = await errorOf(() => it1.db.query("insert into items values (1, 'hay')"));
    if (!isUniqueViolation(error)) throw error;
    expect([error.code, error.constraint, error.table]).toEqual(['23505', 'items_pkey', 'items']);
  });
});

describe('an error of pgherd', () => {
  it.each<[string, string, () => Promise<unknown>]>([
    ['a late statement', 'PGHERD_TIMEOUT', () => it1.db.query('select pg_sleep(60)', [], { timeoutMs: 20 })],
    [
      'a late statement of a transaction',
      'PGHERD_TIMEOUT',
      () => it1.db.transaction((tx) => tx.query('select pg_sleep(60)', [], { timeoutMs: 20 })),
    ],
    ['no row', 'PGHERD_WRONG_ROW_COUNT', () => it1.db.one('select 1 where false')],
    ['no node', 'PGHERD_TIMEOUT', () => it1.db.query('select 1', [], NOWHERE)],
    ['no node to acquire', 'PGHERD_TIMEOUT', () => it1.db.acquire(NOWHERE)],
    ['no node to begin', 'PGHERD_TIMEOUT', () => it1.db.begin(NOWHERE)],
    ['not ready', 'PGHERD_NO_SUITABLE_NODE', () => it1.db.ready({ standbys: 5, timeoutMs: 20 })],
  ])('%s: it names the caller', async (_name, code, work) => {
    const error = await errorOf(work);
    expect(error).toMatchObject({ code });
    expect(error.stack).toMatch(/ programsFunction /);
  });

  it('of a lost connection: each of several statements has its own', async () => {
    const sleep = (n: number) => `select pg_sleep(60), ${n}`;
    const texts = [1, 2, 3].map(sleep);
    const running = texts.map((text) => errorOf(() => it1.db.query(text, [], { timeoutMs: 50_000 })));
    const backends =
      "select pid from pg_stat_activity where query like '%pg_sleep(60), %' and pid <> pg_backend_pid()";
    await waitUntil(async () => (await it1.cluster.primary.sql(backends)).length > 0);
    await it1.db.close({ timeoutMs: 0 });
    const errors = await Promise.all(running);
    await it1.cluster.primary.sql(`select pg_terminate_backend(pid) from (${backends}) as left_behind`);
    expect(errors.map(({ query }) => query)).toEqual(texts);
    for (const { stack } of errors) expect(stack).toMatch(/ programsFunction /);
  });
});
