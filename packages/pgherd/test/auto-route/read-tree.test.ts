import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Parse } from '../../src/auto-route/read-text.ts';
import { readTree } from '../../src/auto-route/read-tree.ts';
import { realParser } from './parser.ts';

let parse: Parse;
beforeAll(async () => {
  parse = await realParser();
});

const usesOf = (text: string) => {
  const finding = readTree(parse(text));
  if (finding.kind !== 'read') throw new Error(`${text}: ${finding.why}`);
  return finding.uses;
};

describe('what a text uses', () => {
  it('is every function, wherever it stands', () => {
    const text = `with w as (select a()) select b(c(1)), d() over (order by e()), array[f()], (select g())
      from h() as x, lateral i() as y, rows from (j(), k()) where l() = 1 and m() in (select n()) group by o() having p() > 0
      order by q() limit r() offset s()`;
    expect(
      usesOf(text)
        .functions.map(({ name }) => name)
        .sort(),
    ).toEqual([...'abcdefghijklmnopqrs']);
  });

  it('has names as the server takes them', () => {
    const { functions, relations } = usesOf(
      'select Low(), "Up"(), "Sch".f() from Tab, "Tab", "Sch"."Tab", db."Sch"."Tab"',
    );
    expect(functions.map(({ schema, name }) => `${schema}.${name}`).sort()).toEqual([
      'Sch.f',
      'undefined.Up',
      'undefined.low',
    ]);
    expect(relations.map(({ schema, name }) => `${schema}.${name}`).sort()).toEqual([
      'Sch.Tab',
      'Sch.Tab',
      'undefined.Tab',
      'undefined.tab',
    ]);
  });

  it('is operators, types, columns behind a point, common table expressions, settings', () => {
    const uses = usesOf(
      `with w as (select 1) select a + 1, a operator(s.@@@) 2, a::s.t, t.c, (t).d, current_setting('a.b'), current_setting(x)
       from w where a <<< any (select 1) order by a using >>>`,
    );
    expect([...uses.operators].sort()).toEqual(['+', '<<<', '>>>', '@@@']);
    expect([...uses.types]).toEqual(['t']);
    expect([...uses.columns].sort()).toEqual(['c', 'd']);
    expect([...uses.ctes]).toEqual(['w']);
    expect([...uses.settings].sort()).toEqual(['a.b', undefined]);
  });
});

describe('whatever is not known to read is for the primary', () => {
  const texts = [
    'with recursive w as (select 1 union select n + 1 from w) select f(a[1]::int), case when b then c end from w join x using (y)',
    'select count(*) filter (where a) over (partition by b order by c) from t tablesample system (1) group by cube (a) limit 1',
    "select json_object('a': 1), coalesce(a, 'x') collate \"C\", row(1) from (values (1)) v, lateral f() with ordinality",
  ];

  /** A copy of a tree with an unknown part at the place with this number, and whether there is such a place. */
  function mutated(
    tree: unknown,
    at: number,
    part: string,
  ): { readonly tree: unknown; readonly isChanged: boolean } {
    const copy = structuredClone(tree);
    const objects: object[] = [];
    const collect = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      if (!Array.isArray(value)) objects.push(value);
      for (const inner of Object.values(value)) collect(inner);
    };
    collect((copy as { stmts: { stmt: unknown }[] }).stmts[0]?.stmt);
    const place = objects[at % objects.length];
    if (place !== undefined) Reflect.set(place, part, { any: {} });
    return { tree: copy, isChanged: place !== undefined };
  }

  it('wherever it stands in the tree', () => {
    const part = fc.constantFrom(
      'InsertStmt',
      'MergeStmt',
      'LockingClause',
      'intoClause',
      'lockingClause',
      'FutureStmt',
      'futureClause',
    );
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.nat(), part, (text, at, name) => {
        const { tree, isChanged } = mutated(parse(text), at, name);
        return isChanged && readTree(parse(text)).kind === 'read' && readTree(tree).kind === 'primary';
      }),
      { numRuns: 500 },
    );
  });

  it('and whatever the tree is', () => {
    fc.assert(
      fc.property(fc.anything(), (tree) => readTree(tree).kind === 'primary'),
      { numRuns: 1_000 },
    );
  });
});
