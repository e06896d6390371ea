import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import Cursor from 'pg-cursor';
import type { Cluster } from 'pgherd';
import { createPool } from 'pgherd/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestCount } from '../../src/guests.ts';
import { PG_VERSIONS } from '../../src/pg-versions.ts';
import { open, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  // No fault is made here: a probe that a busy machine delays must not end an idle client.
  db = open(cluster, { probe: { timeoutMs: PATIENT.waitTimeoutMs }, deadAfterMs: PATIENT.waitTimeoutMs });
  await db.ready({ primaries: 1, standbys: 1 });
  await db.query(
    'create table item (id int primary key, name text, at timestamptz, tags text[], bytes bytea)',
  );
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

type Query = string | (pg.QueryConfig & { rowMode?: 'array' });

/** Statements, each with its values: what comes back must be the same with and without sharing. */
const STATEMENTS: readonly (readonly [Query, (readonly unknown[])?])[] = [
  ['select 1 as n'],
  ['select 1 as n, 2 as n'],
  ['select'],
  ['select null as nothing, true as yes, 1.5::numeric as exact, 2::int8 as big, 1.5::float8 as about'],
  [
    "select '2024-02-29 12:00:00+01'::timestamptz as at, '2024-02-29'::date as day, '1 day'::interval as span",
  ],
  ["select array[1, 2, null] as list, '{\"a\": [1]}'::jsonb as json, '\\x00ff'::bytea as bytes"],
  ['select $1::int as n, $2::text as word, $3::timestamptz as at', [7, 'hay', new Date(0)]],
  [
    'select $1::text[] as list, $2::bytea as bytes, $3::jsonb as json',
    [['a', 'b"'], Buffer.from([0, 255]), { a: 1 }],
  ],
  ['select $1::text as nothing, $2::text as none', [null, undefined]],
  ['values (1), (2)'],
  ['with one as (select 1 as n) select * from one;'],
  [{ text: 'select 1 as n, 2 as m', rowMode: 'array' }],
  [{ text: 'select $1::int as n', values: [3], name: 'by name' }],
  [{ text: 'select $1::int as n', values: [4], name: 'by name' }],
  [
    {
      text: 'select 1 as n',
      types: { getTypeParser: () => (text: unknown) => `<${String(text)}>` } as never,
    },
  ],
  ["insert into item values (1, 'hay', now(), '{}', null) on conflict do nothing"],
  [
    "insert into item values (1, 'straw') on conflict (id) do update set name = excluded.name returning id, name",
  ],
  ["update item set name = 'grass' where id = 1"],
  ['delete from item where id = 2'],
  ['select id, name from item where id = 1'],
  ['select 1 as n where false'],
  ["select ';' as it"],
  ['-- only a comment\nselect 5 as n -- end'],
  // What a client of the pool runs in both cases.
  ['select 1 as n; select 2 as n'],
  ['begin; insert into item values (3); rollback'],
  ['create temporary table passing ()'],
  ['show server_version_num'],
  ["set application_name = 'other'"],
  [''],
  ['explain select 1'],
  ['do $$ begin perform 1; end $$'],
];

/** Statements that the server refuses. */
const REFUSED: readonly (readonly [Query, (readonly unknown[])?])[] = [
  ['select 1 / 0'],
  ['selekt 1'],
  ['select * from missing'],
  ['insert into item (id) values (1)'],
  ['select $1::int', ['x']],
];

/** What programs look at. */
function shown({ command, rowCount, oid, rows, fields }: pg.QueryResult): unknown {
  return { command, rowCount, oid, rows, fields: fields.map((field) => ({ ...field })) };
}

describe.each(PG_VERSIONS)('a pool of %s that shares', (_version, module) => {
  it('gives the results of pg', async () => {
    await db.query("insert into item values (1, 'hay') on conflict do nothing");
    const plain = createPool(db, { pg: module, max: 1 });
    const shared = createPool(db, { pg: module, query: 'shared', max: 1 });
    for (const [query, values] of STATEMENTS) {
      const [one, other] = [
        await plain.query(query, values as unknown[]),
        await shared.query(query, values as unknown[]),
      ];
      const all = [one, other].map((result) => [result].flat().map(shown));
      expect(all[1], JSON.stringify(query)).toEqual(all[0]);
      if (!Array.isArray(other) && module.Result !== undefined) expect(other).toBeInstanceOf(module.Result);
    }
    await Promise.all([plain.end(), shared.end()]);
  });

  it('gives the errors of pg', async () => {
    const plain = createPool(db, { pg: module });
    const shared = createPool(db, { pg: module, query: 'shared' });
    const fields = (error: unknown) => {
      const {
        length: _length,
        file: _file,
        line: _line,
        node: _node,
        ...rest
      } = { ...(error as object) } as Record<string, unknown>;
      return { ...rest, message: (error as Error).message, name: (error as Error).name };
    };
    for (const [query, values] of REFUSED) {
      const one = await rejection(plain.query(query, values as unknown[]));
      const other = await rejection(shared.query(query, values as unknown[]));
      expect(other, JSON.stringify(query)).toBeInstanceOf(module.DatabaseError);
      expect(fields(other)).toEqual(fields(one));
    }
    await Promise.all([plain.end(), shared.end()]);
  });

  it('needs no connection of its own for single statements, and takes one for all else', async () => {
    const pool = createPool(db, { pg: module, query: 'shared' });
    const found = await Promise.all(
      Array.from({ length: 100 }, (_, n) => pool.query('select $1::int as n', [n])),
    );
    expect(found.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect([pool.totalCount, guestCount(db)]).toEqual([0, 0]);
    const called = await new Promise((resolve, reject) => {
      pool.query('select $1::int as n', [1], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      );
    });
    expect(called).toEqual([{ n: 1 }]);
    const failed = await new Promise((resolve) =>
      pool.query('select 1 / 0', (error: unknown) => resolve(error)),
    );
    expect(failed).toMatchObject({ code: '22012' });
    expect(pool.totalCount).toBe(0);
    const client = await pool.connect();
    const cursor = client.query(new Cursor('select n from generate_series(1, 3) n'));
    expect(await cursor.read(2)).toHaveLength(2);
    await cursor.close();
    client.release();
    expect(pool.totalCount).toBe(1);
    await pool.end();
  });

  it.each([
    'begin',
    'BEGIN;',
    'commit',
    'rollback',
    'savepoint a',
    '/* x */ start transaction',
    "prepare transaction 'a'",
  ])('refuses %s in words, since the next statement may run elsewhere', async (text) => {
    const pool = createPool(db, { pg: module, query: 'shared' });
    const refused = {
      code: 'PGHERD_STATEMENT_NOT_ALLOWED',
      message: expect.stringContaining('pool.connect()'),
    };
    expect(await rejection(pool.query(text))).toMatchObject(refused);
    const called = await new Promise((resolve) => pool.query(text, (error: unknown) => resolve(error)));
    expect(called).toMatchObject(refused);
    await pool.end();
  });

  it('a client of it has transactions as usual', async () => {
    const pool = createPool(db, { pg: module, query: 'shared' });
    const client = await pool.connect();
    await client.query('begin');
    await client.query('insert into item (id) values (100)');
    await client.query('rollback');
    client.release();
    expect((await pool.query('select 1 from item where id = 100')).rowCount).toBe(0);
    await pool.end();
  });

  it('end() waits for what runs, and refuses what comes later', async () => {
    const pool = createPool(db, { pg: module, query: 'shared' });
    const text = `select pg_sleep(0.2), 'slow' as it`;
    const slow = pool.query(text);
    let isOver = false;
    void slow.then(() => {
      isOver = true;
    });
    await pool.end();
    expect(isOver).toBe(true);
    expect(String(await rejection(pool.query('select 1')))).toContain('after calling end');
    const twice = new Promise((resolve) => pool.end((error?: unknown) => resolve(error)));
    expect(String(await twice)).toContain('end on pool more than once');
  });

  it('reads on standbys, where its target says so', async () => {
    const pool = createPool(db, { pg: module, query: 'shared', target: 'standby' });
    expect((await pool.query('select pg_is_in_recovery() as it')).rows).toEqual([{ it: true }]);
    expect(await rejection(pool.query('delete from item'))).toMatchObject({ code: '25006' });
    await pool.end();
  });
});

describe('options of a pool that shares', () => {
  it('for sessions would have no effect, and are refused', () => {
    for (const options of [{ statement_timeout: 1_000 }, { lock_timeout: 1_000 }, { options: '-c geqo=off' }])
      expect(() => createPool(db, { pg, query: 'shared', ...options })).toThrow(
        /must be options of the cluster/,
      );
    expect(() => createPool(db, { pg, query: 'often' as 'shared' })).toThrow(/query/);
  });

  it('a limit for queries ends them', async () => {
    const pool = createPool(db, { pg, query: 'shared', query_timeout: 100 });
    expect(await rejection(pool.query('select pg_sleep(600)'))).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    await pool.end();
    await waitUntil(
      async () =>
        (
          await cluster.primary.sql(
            "select 1 from pg_stat_activity where query like 'select pg_sleep(600%' and state = 'active'",
          )
        ).length === 0,
      {
        what: 'the statement to be cancelled',
      },
    );
  });
});
