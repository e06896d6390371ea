import { describe, expect, test } from 'vitest';
import { plainCall } from '../../src/node-postgres/call.ts';
import { readUrl } from '../../src/node-postgres/connection-string.ts';
import { backendIn, mentionsBackend } from '../../src/node-postgres/control-statement.ts';
import { pgOf } from '../../src/node-postgres/module.ts';
import { sharedVerdict } from '../../src/node-postgres/shared-statement.ts';

const called = () => undefined;

describe('a call of query', () => {
  test.each<[string, readonly unknown[], object]>([
    ['a text', ['select 1'], { text: 'select 1', values: undefined, callback: undefined }],
    ['a text with values', ['select $1', [1]], { text: 'select $1', values: [1] }],
    [
      'a text with a callback',
      ['select 1', called],
      { text: 'select 1', values: undefined, callback: called },
    ],
    ['a text with values and a callback', ['select $1', [1], called], { values: [1], callback: called }],
    ['null for the values', ['select 1', null], { values: undefined }],
    ['options', [{ text: 'select $1', values: [1], rowMode: 'array' }], { values: [1], rowMode: 'array' }],
    ['options with values beside them', [{ text: 'select $1', values: [1] }, [2]], { values: [2] }],
    ['options with a name', [{ text: 'select 1', name: 'one' }], { text: 'select 1' }],
    [
      'options without values',
      [{ text: 'select 1', values: null, types: undefined }, called],
      { callback: called },
    ],
  ])('with %s is plain', (_name, [first, second, third], expected) => {
    expect(plainCall(first, second, third)).toMatchObject(expected);
  });

  test.each<[string, readonly unknown[]]>([
    ['nothing', []],
    ['null', [null]],
    ['a function', [called]],
    ['an object with a protocol of its own', [{ text: 'select 1', submit: called }]],
    ['options with a callback inside', [{ text: 'select 1', callback: called }]],
    ['a limit of its own', [{ text: 'select 1', query_timeout: 5 }]],
    ['binary results', [{ text: 'select 1', binary: true }]],
    ['rows in parts', [{ text: 'select 1', rows: 5 }]],
    ['a name alone', [{ name: 'one' }]],
    ['values that are no array', ['select $1', 'x']],
    ['values that are no array among the options', [{ text: 'select $1', values: 'x' }]],
    ['a callback that is none', ['select 1', [], 'x']],
  ])('with %s needs a client', (_name, [first, second, third]) => {
    expect(plainCall(first, second, third)).toBeUndefined();
  });
});

describe('a text of a pool that shares', () => {
  test.each<[string, ReturnType<typeof sharedVerdict>]>([
    ['select 1', 'shared'],
    ['select 1;', 'shared'],
    [' ; select 1 ; ; ', 'shared'],
    ["select ';'", 'shared'],
    ['select 1 -- ; select 2', 'shared'],
    ['/* ; */ insert into a values (1)', 'shared'],
    ['with a as (delete from b returning *) select * from a', 'shared'],
    ['update a set b = 1', 'shared'],
    ['merge into a using b on true when matched then do nothing', 'shared'],
    ['table a', 'shared'],
    ['values (1)', 'shared'],
    ['select 1; select 2', 'client'],
    ["select 'a\\'; select 2", 'client'],
    ['begin; select 1; commit', 'client'],
    ['select set_config($1, $2, false)', 'client'],
    ['select pg_cancel_backend(7)', 'client'],
    ['select pg_backend_pid()', 'shared'],
    ['select pg_advisory_lock(1)', 'client'],
    ["select currval('a')", 'client'],
    ['create table a ()', 'client'],
    ['set a to b', 'client'],
    ['listen a', 'client'],
    ['copy a from stdin', 'client'],
    ['declare a cursor for select 1', 'client'],
    ['call a()', 'client'],
    ['', 'client'],
    [';', 'client'],
    ['begin', 'transaction'],
    ['BEGIN ISOLATION LEVEL serializable;', 'transaction'],
    ['start transaction', 'transaction'],
    ['commit', 'transaction'],
    ['end', 'transaction'],
    ['rollback', 'transaction'],
    ['rollback to a', 'transaction'],
    ['abort', 'transaction'],
    ['savepoint a', 'transaction'],
    ['release a', 'transaction'],
    ["prepare transaction 'a'", 'transaction'],
    ["commit prepared 'a'", 'transaction'],
  ])('%j: %s', (text, verdict) => expect(sharedVerdict(text)).toBe(verdict));
});

describe('a statement that cancels another', () => {
  test.each<[string, readonly unknown[] | undefined, number]>([
    ['select pg_cancel_backend(12345)', undefined, 12_345],
    [' SELECT pg_terminate_backend( 7 ) ;', [], 7],
    ['select pg_cancel_backend($1)', [12], 12],
    ['select pg_catalog.pg_cancel_backend($1::int)', ['13'], 13],
    ['select pg_cancel_backend(14) as cancelled', undefined, 14],
  ])('%j with %j', (text, values, expected) => {
    expect(mentionsBackend({ text })).toBe(true);
    expect(backendIn(text, values)).toBe(expected);
  });

  test.each([
    'select 1',
    'select pg_cancel_backend(pid) from pg_stat_activity',
    'select pg_cancel_backend($1)',
    'select pg_cancel_backend(1), pg_cancel_backend(2)',
    `select pg_cancel_backend(1)${' '.repeat(200)}`,
    "select 'pg_cancel_backend(1)'",
    'select pg_backend_pid()',
  ])('%j does not', (text) => expect(backendIn(text, undefined)).toBeUndefined());

  test('nothing but a short text is looked at', () => {
    for (const query of [undefined, null, 1, {}, { submit: called }, 'select 1'])
      expect(mentionsBackend(query)).toBe(false);
  });
});

describe('a connection string among options of pg', () => {
  test('parts with what only pg knows', () => {
    const url = readUrl(
      'postgres://app:x@db1,db2/shop?query_timeout=5&application_name=a%20b&statement_timeout=7&sslmode=require',
    );
    expect(url.own).toEqual({ query_timeout: '5', application_name: 'a b', statement_timeout: '7' });
    expect(url.parameters).toMatchObject({ user: 'app', host: 'db1,db2', dbname: 'shop' });
    expect(url.password?.reveal()).toBe('x');
    expect(url.tls).toBe(true);
  });

  test.each(['postgres://db1/shop?nonsense=1', 'mysql://db1/shop', 'db1/shop'])('%j is refused', (text) => {
    expect(() => readUrl(text)).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_DSN' }));
  });
});

describe('the module', () => {
  const pg = {
    Client: class {},
    Pool: class {},
    types: {},
    Result: class {},
    DatabaseError: class {},
    defaults: {},
  };

  test('may come as a default, as a namespace, or by require', () => {
    expect(pgOf(pg)).toBe(pg);
    expect(pgOf({ default: pg })).toBe(pg);
    expect(pgOf({ ...pg, default: pg })).toMatchObject({ Pool: pg.Pool });
  });

  test.each([undefined, null, 'pg', {}, { Pool: 1 }, { default: {} }])('%j is none', (given) => {
    expect(() => pgOf(given)).toThrow(/pg 8\.16 or newer/);
  });
});
