import { describe, expect, it } from 'vitest';
import { FactsByText, factsOf } from '../../src/lanes/statement-facts.ts';

describe('factsOf', () => {
  it.each([
    ['select 1', false],
    ['  /* a /* nested */ comment */ -- and another\n SELECT 1', false],
    ['(select 1) union (select 2)', false],
    ['values (1)', false],
    ['table item', false],
    ['with a as (select 1) select * from a', false],
    ['with a as (delete from item returning *) select * from a', true],
    ['insert into item values (1)', true],
    ['update item set n = 1', true],
    ['delete from item', true],
    ['merge into item using other on true when matched then do nothing', true],
    ['select * from item for update', true],
    ['select * from item for no key update skip locked', true],
  ])('%s rides, writes or locks: %s', (text, writes) => {
    expect(factsOf(text)).toMatchObject({ rides: true, writes, otherVerb: undefined });
  });

  it.each([
    "select set_config('a.b', 'c', false)",
    'select pg_advisory_lock(1)',
    'select pg_try_advisory_lock(1)',
    'select pg_advisory_unlock(1)',
    'select * into temp t from item',
    "select currval('item_id_seq')",
    'select lastval()',
    'explain select 1',
    'create table t (id int)',
    'set search_path to a',
    'call p()',
    'do $$ begin end $$',
    'vacuum item',
    'show all',
    'notify channel',
    '',
    '-- nothing',
    '/* open',
  ])('%s has a connection of its own', (text) => {
    expect(factsOf(text)).toMatchObject({ rides: false, otherVerb: undefined });
  });

  it.each([
    ['begin', 'transaction'],
    ['END', 'transaction'],
    ['release savepoint a', 'transaction'],
    ['unlisten *', 'listen'],
    ['fetch next from c', 'stream'],
    ['execute p', 'acquire'],
    ['copy item (a, b) from stdin with (format csv)', 'copyFrom'],
    ['copy (select 1) to stdout', 'copyTo'],
  ])('%s is for %s', (text, verb) => {
    expect(factsOf(text).otherVerb).toBe(verb);
  });

  it('COPY with a file of the server is nobody else’s', () => {
    expect(factsOf("copy item to '/tmp/item'").otherVerb).toBeUndefined();
  });
});

describe('FactsByText', () => {
  it('remembers what is used and forgets what is not, however many texts there are', () => {
    const facts = new FactsByText();
    const often = facts.of('select 0');
    for (let n = 1; n < 10_000; n++) {
      facts.of(`select ${n}`);
      if (n % 500 === 0) expect(facts.of('select 0')).toBe(often);
    }
    const first = facts.of('select 1');
    expect(first.seen).toBe(0);
  });
});
