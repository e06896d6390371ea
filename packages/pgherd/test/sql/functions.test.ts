import { describe, expect, it } from 'vitest';
import { callsUnknownFunction } from '../../src/sql/functions.ts';

describe('a function of which nothing is known', () => {
  it.each([
    'select my_function()',
    'select app.my_function(1)',
    'select count(*) from t where mine(x) > 0',
    'select "My Function" (1)',
    'with a as (select mine(1)) select * from a',
    'insert into t values (mine(1))',
    'select * from mine(1)',
    // The names end, or begin, as harmless ones do.
    'select mnow()',
    'select recount(1)',
    'select lowers(1)',
    // Harmless only where PostgreSQL\'s own are meant.
    'select app.now()',
    'select app . lower(a) from t',
    'select app./* x */lower(a) from t',
    'select "app"."count"(1)',
    'select "values"(1)',
    'select app.values(1)',
    "select 1 /* now( */ , /* x */ mine /* y */ ('a')",
  ])('is called by %j', (text) => {
    expect(callsUnknownFunction(text)).toBe(true);
  });

  it.each([
    'select 1',
    'select count(*), max(n), now() from t where id in (1, 2) and (a or b)',
    'insert into t (a, b) values ($1, $2) on conflict (a) do update set b = excluded.b',
    'insert into app.t (a) values (1)',
    'insert into "App"."T" (a) values (1)',
    'select pg_catalog.count(*) from t',
    'select pg_catalog . "lower" (a) from t',
    'select "lower"(a) from t',
    'select LOWER(a) from t',
    'select cast(a as numeric(10, 2)), b::varchar(20) from t join u using (id)',
    'select sum(n) over (partition by a order by b) from t',
    "select 'mine()', $$mine()$$ -- mine()",
    'update t set n = coalesce(n, 0) + 1 where exists (select 1)',
  ])('is not called by %j', (text) => {
    expect(callsUnknownFunction(text)).toBe(false);
  });
});
