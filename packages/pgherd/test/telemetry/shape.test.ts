import { describe, expect, it } from 'vitest';
import { shapeOf } from '../../src/telemetry/shape.ts';

describe('the summary of a statement', () => {
  it.each([
    ['select * from orders where id = $1', 'select orders'],
    ['SELECT * FROM shop.orders o, "Song List" s WHERE o.id = s.id', 'SELECT shop.orders "Song List"'],
    ['select * from a join b using (id) left join c on c.id = b.id', 'select a b c'],
    [
      'insert into shipping(order_id, address) select id, address from orders',
      'insert shipping select orders',
    ],
    ['insert into t values ($1) on conflict do update set a = 1', 'insert t'],
    ['update only stock set n = n - 1 from orders where true', 'update stock orders'],
    ['delete from a using b where a.id = b.id', 'delete a b'],
    [
      'select order_date from (select * from orders o join customers c on true) x',
      'select select orders customers',
    ],
    ['with x as (select 1 from a) select * from x', 'select a select x'],
    ['select extract(year from created) from orders', 'select orders'],
    ['select a is distinct from b from t', 'select t'],
    ['select * from generate_series(1, 3)', 'select'],
    ['select * from t for update', 'select t'],
    ['copy items(a) from stdin', 'copy items'],
    ['call pay($1)', 'call pay'],
    ['create table secret (a int)', 'create table'],
    ["set search_path to 'x'", 'set'],
    ['truncate table a, b', 'truncate a b'],
    ["select 'from hidden' /* from comment */ -- from line", 'select'],
    ['', ''],
  ])('of %j is %j', (text, summary) => {
    expect(shapeOf(text).summary).toBe(summary);
  });

  it('is cut between names', () => {
    const { summary } = shapeOf(
      `select * from ${Array.from({ length: 100 }, (_, at) => `table_${at}`).join(', ')}`,
    );
    expect(summary.length).toBeLessThanOrEqual(255);
    expect(summary).toMatch(/ table_\d+$/);
  });
});

describe('the text of a statement', () => {
  it.each([
    // Its author has kept the values out of it.
    ["select * from t where a = $1 and b = 'x'", "select * from t where a = $1 and b = 'x'"],
    ["select * from t where a = 'Ann''s' and b=-12.5", 'select * from t where a = ? and b=-?'],
    ['select 1e5, 0x1F, 1_000', 'select ?, ?, ?'],
    [`select $$a 1$$, $tag$b$tag$, U&'x', B'01'`, 'select ?, ?, U&?, B?'],
    [`select "a 1", t2.x from t2 /* user 42 */`, 'select "a 1", t2.x from t2'],
    ["select '$1'", 'select ?'],
    ["select 'never closed 7", 'select ?'],
  ])('of %j is %j', (text, shown) => {
    expect(shapeOf(text).text).toBe(shown);
  });

  it('is not shown where a server may read it in two ways', () => {
    expect(shapeOf("select 'a\\' or b = 'secret'").text).toBeUndefined();
  });

  it('is cut', () => {
    expect(shapeOf(`select $1 -- ${'x'.repeat(50_000)}`).text?.length).toBeLessThanOrEqual(10_000);
  });
});
