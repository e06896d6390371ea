import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, open, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, proxy: true });
  db = open(cluster);
  await db.script(`
    create table owned (owner int, what text);
    insert into owned values (1, 'one'), (2, 'two'), (2, 'too');
    alter table owned enable row level security;
    alter table owned force row level security;
    create policy own on owned using (owner = nullif(current_setting('app.user_id', true), '')::int);
  `);
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const ALL = 'select what from owned order by what';
const asUser = (id: number) => db.with({ settings: { 'app.user_id': id } });

describe('settings of a statement', () => {
  it('apply to it alone, by every verb for single statements and batches', async () => {
    const two = asUser(2);
    const rows = [{ what: 'too' }, { what: 'two' }];
    expect((await two.query(ALL)).rows).toEqual(rows);
    expect(await two.rows(ALL)).toEqual(rows);
    expect(await two.rows({ text: ALL, rowMode: 'array' })).toEqual([['too'], ['two']]);
    expect(await two.one('select count(*)::int as n from owned where owner > $1', [0])).toEqual({ n: 2 });
    expect((await two.sql`select what from owned where what = ${'two'}`).rows).toEqual([{ what: 'two' }]);
    expect((await two.batch([ALL, 'select 1 as one'])).map((one) => one.rows)).toEqual([rows, [{ one: 1 }]]);
    expect(await db.rows(ALL)).toEqual([]);
    expect(await db.rows(ALL, [], { settings: { 'app.user_id': '1' } })).toEqual([{ what: 'one' }]);
  });

  it('of parallel callers do not mix, also on one connection', async () => {
    await using one = open(cluster, { pool: { max: 1 } });
    const calls = Array.from({ length: 60 }, (_, index) => index % 3);
    const counts = await Promise.all(
      calls.map(async (id) => {
        const from = id === 0 ? one : one.with({ settings: { 'app.user_id': id } });
        return (await from.rows(ALL)).length;
      }),
    );
    expect(counts).toEqual(calls);
  });

  it('go with it in one flight', async () => {
    await asUser(1).query(ALL);
    const flights: string[] = [];
    const watch = cluster.primary.proxy.watch(({ chunk, direction }) => {
      const text = chunk.toString('latin1');
      if (direction === 'to-server' && /set_config|from owned/.test(text)) flights.push(text);
    });
    await asUser(1).query(ALL);
    await watch.undo();
    expect(flights).toHaveLength(1);
    expect(flights[0]).toMatch(/set_config.*from owned/s);
  });

  it('of with are those of its transactions, and a call adds its own', async () => {
    const two = asUser(2);
    expect(await two.transaction((tx) => tx.rows(ALL))).toHaveLength(2);
    {
      await using tx = await two.begin({ settings: { 'app.note': 'x' } });
      const seen = "select current_setting('app.user_id') as id, current_setting('app.note') as note";
      expect(await tx.one(seen)).toEqual({ id: '2', note: 'x' });
    }
    expect(
      await two.one("select current_setting('app.user_id') as id, current_setting('app.note') as note", [], {
        settings: { 'app.note': 'y' },
      }),
    ).toEqual({ id: '2', note: 'y' });
    expect(await two.rows(ALL, [], { settings: { 'app.user_id': 1 } })).toHaveLength(1);
  });

  it('that the server refuses are its error, without an index; an index counts the statements of the caller', async () => {
    const wrong = await rejection(db.query('select 1', [], { settings: { statement_timeout: 'soon' } }));
    expect(codeOf(wrong)).toBe('22023');
    expect(wrong).not.toHaveProperty('index');
    const failed = await rejection(asUser(1).query('select 1/0'));
    expect(codeOf(failed)).toBe('22012');
    expect(failed).not.toHaveProperty('index');
    expect(await rejection(asUser(1).batch(['select 1', 'select 1/0']))).toMatchObject({ index: 1 });
    expect(await rejection(asUser(1).query('select 1; select 2'))).toMatchObject({
      code: 'PGHERD_STATEMENT_NOT_ALLOWED',
    });
  });

  it.each<[string, (from: ReturnType<typeof asUser>) => Promise<unknown>]>([
    ['stream', (from) => from.stream(ALL).next()],
    ['copyTo', (from) => from.copyTo('copy owned to stdout').next()],
    ['copyFrom', (from) => from.copyFrom('copy owned from stdin', [])],
    ['script', (from) => from.script('select 1')],
    ['use', (from) => from.use(() => 1)],
    ['acquire', (from) => from.acquire()],
  ])('are refused by %s, which could not apply them', async (_verb, call) => {
    expect(codeOf(await rejection(call(asUser(1))))).toBe('PGHERD_UNSUPPORTED');
  });

  it('are refused inside a transaction, on a lease, and if they are none', async () => {
    const settings = { 'app.user_id': 1 };
    const inside = db.transaction((tx) => tx.query(ALL, [], { settings }));
    expect(codeOf(await rejection(inside))).toBe('PGHERD_INVALID_ARGUMENT');
    const leased = db.use((lease) => lease.query(ALL, [], { settings }));
    expect(codeOf(await rejection(leased))).toBe('PGHERD_INVALID_ARGUMENT');
    for (const wrong of [{ "a'b": 1 }, { 'app.x': { y: 1 } }, 'x'])
      expect(codeOf(await rejection(db.query(ALL, [], { settings: wrong as never })))).toBe(
        'PGHERD_INVALID_ARGUMENT',
      );
  });
});
