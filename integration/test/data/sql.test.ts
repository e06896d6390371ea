import { inspect } from 'node:util';
import { sql } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { rejection } from '../../src/support.ts';

const client = oneClient(['"odd ""table""" (id int primary key, "column; drop" text)']);
const TABLE = sql.identifier('odd "table"');
const COLUMN = sql.id('column; drop');

describe('sql', () => {
  it('makes parameters of values, quotes names, and nests', async () => {
    const { db } = client;
    const evil = `'; drop table "odd ""table"""; --`;
    for (const [id, text] of [
      [1, 'hay'],
      [2, evil],
      [3, null],
    ] as const) {
      await db.sql`insert into ${TABLE} (id, ${COLUMN}) values (${id}, ${text})`;
    }
    const filter = sql`id in (${sql.join([1, 2])})`;
    const both = sql.join([filter, sql`${COLUMN} is not null`], sql` and `);
    const { rows, node } = await db.sql<{
      id: number;
    }>`select id, ${COLUMN} as text from ${TABLE} where ${both} order by id`;
    expect(rows).toEqual([
      { id: 1, text: 'hay' },
      { id: 2, text: evil },
    ]);
    expect(node).toContain(':');
    expect(await db.sql`select ${[1, 2]}::int[] as list, ${{ a: 1 }}::jsonb as json`).toMatchObject({
      rows: [{ list: [1, 2], json: { a: 1 } }],
    });
  });

  it('every verb takes a fragment instead of a text, with options behind it', async () => {
    const { db } = client;
    const one = sql`select ${1}::int as n`;
    expect(await db.query(one)).toMatchObject({ rows: [{ n: 1 }] });
    expect(await db.rows(one, { target: 'prefer-standby' })).toEqual([{ n: 1 }]);
    expect(await db.one(db.sql`select ${1}::int as n`)).toEqual({ n: 1 });
    expect(await db.read.maybeOne(sql`select 1 where false`)).toBeUndefined();
    expect(await db.batch([one, one])).toHaveLength(2);
    expect(
      await rejection(db.query(sql`select pg_sleep(600)`, { timeoutMs: 30, target: 'prefer-standby' })),
    ).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    await db.transaction(async (tx) => {
      expect((await tx.sql`select ${2}::int as n`).rows).toEqual([{ n: 2 }]);
      expect(await tx.one(one)).toEqual({ n: 1 });
    });
    await db.use(async (lease) => {
      expect((await lease.sql`select ${3}::int as n`).rows).toEqual([{ n: 3 }]);
    });
  });

  it('what is awaited twice runs once, what is never awaited never', async () => {
    const { db } = client;
    void db.sql`insert into ${TABLE} (id) values (90)`;
    const insert = db.sql`insert into ${TABLE} (id) values (91)`;
    await insert;
    await insert;
    expect(await db.rows(sql`select id from ${TABLE} where id >= 90`)).toEqual([{ id: 91 }]);
    const bad = db.sql`insert into ${TABLE} (id) values (91)`;
    expect(await rejection(Promise.resolve(bad))).toMatchObject({ code: '23505' });
  });

  it.each([
    ['undefined', () => sql`select ${undefined}`, /undefined, which cannot be a parameter/],
    ['a function', () => sql`select ${() => 1}`, /a function, which/],
    ['a symbol', () => sql`select ${Symbol('x')}`, /a symbol, which/],
    [
      'a text instead of a template',
      () => (sql as unknown as (text: string) => unknown)('select 1'),
      /sql is a template tag/,
    ],
    ['an empty list', () => sql.join([]), /a non-empty array/],
    ['a separator that is a text', () => sql.join([1], ', ' as never), /must be a fragment/],
    ['an empty name', () => sql.id(''), /must be a non-empty string/],
    ['a name with NUL', () => sql.id('a\0b'), /without NUL/],
    ['no name', () => sql.id(), /needs at least one name/],
  ])('refuses %s', (_what, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }));
  });

  it('shows no value, and copes with long chains', () => {
    const secret = sql`select ${'hunter2'}`;
    expect(inspect(secret, { depth: 10, showHidden: true })).not.toContain('hunter2');
    expect(JSON.stringify(secret)).toBe('{"text":"select $1","values":1}');
    let chain = sql`select 1`;
    for (let index = 0; index < 20_000; index++) chain = sql`${chain} + ${index}`;
    expect(chain.values).toHaveLength(20_000);
    expect(chain.text.endsWith('+ $20000')).toBe(true);
    // What only looks like a fragment is a value.
    expect(sql`select ${{ text: 'now()', values: [] }}`.text).toBe('select $1');
  });

  it('a statement with more values than the protocol counts is refused', async () => {
    const values = Array.from({ length: 65_536 }, () => 1);
    const error = await rejection(client.db.query('select 1', values));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
    expect(await client.db.one('select cardinality($1::int[]) as n', [values])).toEqual({ n: 65_536 });
  });
});
