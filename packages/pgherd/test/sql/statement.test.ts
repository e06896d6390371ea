import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readStatement,
  type StatementText,
  scanStatement,
  tagChangesSchema,
  tagChangesSession,
} from '../../src/sql/statement.ts';

/** A statement that reads one row of a table. */
const READ: StatementText = {
  keyword: 'SELECT',
  mayShare: true,
  writes: false,
  atomic: true,
  commits: 'outside-transaction',
  changesSession: false,
  otherVerb: undefined,
};
/** One that has its connection for itself, and is nothing special besides. */
const ALONE = { mayShare: false };
const CHANGES = { mayShare: false, changesSession: true };
const WRITES = { writes: true };
const IN_PARTS = { mayShare: false, writes: true, atomic: false };
const BEGINS = { mayShare: false, commits: 'never', otherVerb: 'transaction' } as const;
const ENDS = { ...BEGINS, commits: 'always' } as const;

type Case = readonly [text: string, says: Partial<StatementText>];

const TEXTS: Readonly<Record<string, readonly Case[]>> = {
  'queries and writes': [
    ['select 1', {}],
    ['(select 1) union (select 2)', {}],
    ['values (1)', { keyword: 'VALUES' }],
    ['table item', { keyword: 'TABLE' }],
    ['with a as (select 1) select * from a', { keyword: 'WITH' }],
    ['with a as (delete from item returning *) select * from a', { keyword: 'WITH', ...WRITES }],
    ['with a as (select 1) merge into item using a on true', { keyword: 'WITH', ...WRITES }],
    ['insert into item values (1)', { keyword: 'INSERT', ...WRITES }],
    ['update item set n = 1', { keyword: 'UPDATE', ...WRITES }],
    ['delete from item', { keyword: 'DELETE', ...WRITES }],
    ['merge into item using other on true when matched then do nothing', { keyword: 'MERGE', ...WRITES }],
    ['select * from item for update', WRITES],
    ['select * from item for no key update skip locked', WRITES],
    ['select * from item for key share', WRITES],
    ['select * from item for/**/share', WRITES],
    ['select "for update" from item', {}],
    ["select 'for update' from item", {}],
    ["select * from log where note = 'x; commit'", {}],
    ['select 1 -- for update', {}],
    ['select a.update from item a', {}],
    ['explain select 1', { keyword: 'EXPLAIN', ...ALONE }],
    ['explain (analyze) insert into item values (1)', { keyword: 'EXPLAIN', ...ALONE }],
    ['show all', { keyword: 'SHOW', ...ALONE }],
    ['notify channel', { keyword: 'NOTIFY', ...ALONE }],
    ['truncate item', { keyword: 'TRUNCATE', ...ALONE }],
    ['lock table item', { keyword: 'LOCK', ...ALONE }],
  ],
  'the first word': [
    ['  /* a /* nested */ comment */ -- and another\n SELECT 1', {}],
    ['-- call\r\nselect 1', {}],
    ['; ;\n select 1', {}],
    ['\t( ( select 1 ) )', {}],
    ['', { keyword: '', ...ALONE }],
    ['-- nothing', { keyword: '', ...ALONE }],
    ['/* open', { keyword: '', ...ALONE }],
    ['/* never closed call p()', { keyword: '', ...ALONE }],
    ['"select" 1', { keyword: '', ...ALONE }],
    ['sel/**/ect 1', { keyword: 'SEL', ...ALONE }],
    ['/*/ call */ p() */ select 1', { keyword: 'P', ...ALONE }],
  ],
  'what changes the session': [
    ["select set_config('a.b', 'c', false)", CHANGES],
    ["select pg_catalog.set_config('a.b', 'c', false)", CHANGES],
    ["select \"set_config\"('a.b', 'c', false)", CHANGES],
    ["select query_to_xml('select set_config(''a.b'', ''c'', false)', true, true, '')", CHANGES],
    ['select $$ set_config $$', CHANGES],
    ['select 1 /* set_config */', {}],
    ['select pg_advisory_lock(1)', CHANGES],
    ['select pg_try_advisory_lock_shared(1)', CHANGES],
    ['select pg_advisory_unlock(1)', CHANGES],
    ['select pg_advisory_xact_lock(1)', {}],
    ["select dblink_connect('other', 'host=x')", CHANGES],
    ["select dblink_exec('other', 'delete from t')", CHANGES],
    ["select pg_replication_origin_session_setup('o')", CHANGES],
    ['select * into temp t from item', CHANGES],
    ['select 1 as a into local temp t', CHANGES],
    ['select 1 as a into global temporary table t', CHANGES],
    ['select 1 as a into /* x */ temporary t', CHANGES],
    ['select 1 as a into\n-- x\ntemp t', CHANGES],
    ['(select 1 as a into temp t)', CHANGES],
    ['with x as (select 1 as a) select a into temp t from x', { keyword: 'WITH', ...CHANGES }],
    ['explain analyze create temp table t as select 1', { keyword: 'EXPLAIN', ...CHANGES }],
    ['select * into t from item', {}],
    ['insert into temp values (1)', { keyword: 'INSERT', ...WRITES }],
    ['merge into temp using other on true when matched then do nothing', { keyword: 'MERGE', ...WRITES }],
    ["select 'into temp t'", {}],
    ['select 1 as "into", 2 as "temp"', {}],
    ['create table t (id int)', { keyword: 'CREATE', ...CHANGES }],
    ['/* c */ create function pg_temp.f() returns int return 1', { keyword: 'CREATE', ...CHANGES }],
    ['create index i on t (a)', { keyword: 'CREATE', ...CHANGES }],
    ['alter table t add column b int', { keyword: 'ALTER', ...ALONE }],
    ['set search_path to a', { keyword: 'SET', ...CHANGES }],
    ['reset all', { keyword: 'RESET', ...CHANGES }],
    ['discard all', { keyword: 'DISCARD', ...CHANGES }],
    ["load 'auto_explain'", { keyword: 'LOAD', ...CHANGES }],
  ],
  'what only this session knows': [
    ["select currval('item_id_seq')", ALONE],
    ['select lastval ( )', ALONE],
    ['select "lastval"()', ALONE],
    ['select lastval from item', {}],
    ['select lo_open(1, 2)', ALONE],
    ['select * from pg_listening_channels()', ALONE],
    ['select * from pg_temp.t', ALONE],
    ["select 'pg_temp.t'::regclass", ALONE],
  ],
  'what may have committed a part before an error': [
    ['call p()', { keyword: 'CALL', ...IN_PARTS, ...CHANGES }],
    ['/* a /* nested */ b */ call p()', { keyword: 'CALL', ...IN_PARTS, ...CHANGES }],
    ['do $$ begin commit; end $$', { keyword: 'DO', ...IN_PARTS, ...CHANGES }],
    ['vacuum t', { keyword: 'VACUUM', ...IN_PARTS }],
    ['reindex table t', { keyword: 'REINDEX', ...IN_PARTS }],
    ['cluster t', { keyword: 'CLUSTER', ...IN_PARTS }],
    ['create database d', { keyword: 'CREATE', ...CHANGES, atomic: false }],
    ['drop  /* x */ tablespace s', { keyword: 'DROP', ...ALONE, atomic: false }],
    ['alter system set a = 1', { keyword: 'ALTER', ...ALONE, atomic: false }],
    ['create unique index concurrently i on t (a)', { keyword: 'CREATE', ...CHANGES, atomic: false }],
    ['drop index concurrently i', { keyword: 'DROP', ...ALONE, atomic: false }],
    ['refresh materialized view concurrently v', { keyword: 'REFRESH', ...ALONE, atomic: false }],
    ['alter table t detach partition p concurrently', { keyword: 'ALTER', ...ALONE, atomic: false }],
    ["comment on table t is 'built concurrently'", { keyword: 'COMMENT', ...ALONE }],
  ],
  'what begins and ends transactions': [
    ['begin', { keyword: 'BEGIN', ...BEGINS }],
    ['start transaction read only', { keyword: 'START', ...BEGINS }],
    ['savepoint a', { keyword: 'SAVEPOINT', ...BEGINS }],
    ['release savepoint a', { keyword: 'RELEASE', ...BEGINS }],
    ['rollback to savepoint a', { keyword: 'ROLLBACK', ...BEGINS }],
    ['abort', { keyword: 'ABORT', ...BEGINS }],
    ['COMMIT', { keyword: 'COMMIT', ...ENDS }],
    ['END', { keyword: 'END', ...ENDS }],
    ["commit prepared 'x'", { keyword: 'COMMIT', ...ENDS }],
    [';/* a /* b */ */ -- c\n commit', { keyword: 'COMMIT', ...ENDS }],
    ["prepare transaction 'x'", { keyword: 'PREPARE TRANSACTION', ...ENDS, otherVerb: 'acquire' }],
    [
      "BEGIN; SELECT pg_catalog.set_config('a', 'commit; end', true)",
      { keyword: 'BEGIN', ...BEGINS, ...CHANGES },
    ],
    ['begin; update t set n = 1; commit', { keyword: 'BEGIN', ...BEGINS, commits: 'perhaps' }],
    ['update t set n = 1;', { keyword: 'UPDATE', ...WRITES }],
    ['update t set n = 1; end', { keyword: 'UPDATE', ...WRITES, commits: 'perhaps' }],
    ['update t set n = 1; call p()', { ...IN_PARTS, ...CHANGES, keyword: 'UPDATE', commits: 'perhaps' }],
  ],
  'what another verb does': [
    ['listen c', { keyword: 'LISTEN', ...CHANGES, otherVerb: 'listen' }],
    ['unlisten *', { keyword: 'UNLISTEN', ...CHANGES, otherVerb: 'listen' }],
    ['declare c cursor for select 1', { keyword: 'DECLARE', ...CHANGES, otherVerb: 'stream' }],
    ['fetch next from c', { keyword: 'FETCH', ...ALONE, otherVerb: 'stream' }],
    ['prepare p as select 1', { keyword: 'PREPARE', ...CHANGES, otherVerb: 'acquire' }],
    ['execute p', { keyword: 'EXECUTE', ...ALONE, otherVerb: 'acquire' }],
    ['deallocate p', { keyword: 'DEALLOCATE', ...CHANGES, otherVerb: 'acquire' }],
    ['copy item (a, b) from stdin with (format csv)', { keyword: 'COPY', ...ALONE, otherVerb: 'copyFrom' }],
    ['copy item from /* here */ stdin', { keyword: 'COPY', ...ALONE, otherVerb: 'copyFrom' }],
    ['copy (select 1) to stdout', { keyword: 'COPY', ...ALONE, otherVerb: 'copyTo' }],
    ['copy (select 1 from stdin) to stdout', { keyword: 'COPY', ...ALONE, otherVerb: 'copyTo' }],
    ["copy item to '/tmp/to stdout'", { keyword: 'COPY', ...ALONE }],
    ["copy item from program 'x from stdin'", { keyword: 'COPY', ...ALONE }],
  ],
  'strings of every kind': [
    ["select E'it\\'s', set_config", CHANGES],
    ["select E'\\'; commit; select '", {}],
    ["select e'a'\n 'b\\'; commit --'", {}],
    ["select E'a' -- x\n --y\n 'b\\'; commit --'", {}],
    ["select 'a''b; commit'", {}],
    ["select U&'d\\0061t; commit'", {}],
    ['select $a$ $b$ ; commit $a$', {}],
    ['select $1 + $2; commit', { commits: 'perhaps' }],
    ['select a$b$; commit -- $b$', { commits: 'perhaps' }],
    ['select "a""; commit"', {}],
    ["select name'; commit'", {}],
    ["select 'open; commit", {}],
  ],
  'standard_conforming_strings may be off': [
    // On: the string ends at the second quote. Off: at the third one.
    ["select 'a\\', '; commit -- '", { commits: 'perhaps' }],
    ["select 'a\\' for update; -- '", WRITES],
    // Off, it would not end, which the server refuses.
    ["select * from item where a like $1 escape '\\'", {}],
    ["select * from item where a like $1 escape '\\' for update", WRITES],
    // On, it would not end.
    ["select 'a\\'b'; commit", { commits: 'perhaps' }],
  ],
};

describe.each(Object.entries(TEXTS))('%s', (_what, cases) => {
  it.each(cases)('%s', (text, says) => {
    expect(scanStatement(text)).toEqual({ ...READ, ...says });
  });
});

describe('a statement whose first words say it all', () => {
  const pieces = [
    'a',
    'from',
    '"b"',
    "'c'",
    '$1',
    ',',
    '(',
    ')',
    '::int',
    '/* d */',
    '-- e\n',
    'into t',
    'for',
    'create',
  ];

  it('is read to the same end as one that is read word by word', () => {
    const texts = fc.array(fc.constantFrom(...pieces, 'select', 'insert', 'call'), { minLength: 1 });
    fc.assert(
      fc.property(texts, (words) => {
        const text = words.join(' ');
        expect(scanStatement(text)).toEqual(scanStatement(`${text} /* ; */`));
      }),
    );
  });
});

describe('readStatement', () => {
  it('finds the statement behind many comments', () => {
    expect(readStatement(`${'/* x */ '.repeat(20_000)}call p()`).keyword).toBe('CALL');
  });

  it('remembers what it has read', () => {
    expect(readStatement('select 1')).toBe(readStatement('select 1'));
    expect(readStatement('select 1')).toEqual(READ);
  });
});

describe('tagChangesSession', () => {
  it.each([
    ['SELECT 1', false],
    ['INSERT 0 1', false],
    ['COPY 3', false],
    ['BEGIN', false],
    ['FETCH 1', false],
    ['SET', true],
    ['RESET', true],
    ['LISTEN', true],
    ['PREPARE', true],
    ['DEALLOCATE ALL', true],
    ['DECLARE CURSOR', true],
    ['DISCARD ALL', true],
    ['LOAD', true],
    ['DO', true],
    ['CALL', true],
    ['CREATE TABLE', true],
    ['CREATE SEQUENCE', true],
    ['CREATE VIEW', true],
  ])('%s: %s', (tag, changes) => {
    expect(tagChangesSession(tag)).toBe(changes);
  });
});

describe('a command tag says whether the schema may have changed', () => {
  it.each([
    ['ALTER TABLE', true],
    ['CREATE TABLE', true],
    ['DROP TYPE', true],
    ['IMPORT FOREIGN SCHEMA', true],
    ['SELECT 1', false],
    ['INSERT 0 1', false],
    ['CALL', false],
    ['DO', false],
    ['COMMIT', false],
    ['', false],
  ])('%s: %s', (tag, expected) => {
    expect(tagChangesSchema(tag)).toBe(expected);
  });
});
