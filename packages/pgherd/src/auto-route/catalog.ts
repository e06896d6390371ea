import type { Row } from '../model/statement.ts';

/**
 * What the catalog says of a name. PostgreSQL's own and the application's stand apart; all schemas of the application count together, since
 * the search path of a session may change.
 */
export interface NameFacts {
  readonly own: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
}

/** What a function may be: `volatile`, or `steady`. What a relation may be: `pg_class.relkind`, `temporary`, `unlogged`. */
export interface NamedFacts {
  readonly functions: ReadonlyMap<string, NameFacts>;
  readonly relations: ReadonlyMap<string, NameFacts>;
}

/** Names whose use calls a volatile function that the text does not name, or reads a foreign table. Nearly always there are none. */
export interface RareNames {
  readonly operator: ReadonlySet<string>;
  readonly type: ReadonlySet<string>;
  readonly column: ReadonlySet<string>;
  readonly relation: ReadonlySet<string>;
}

/** Longest name that a server has unless it was built otherwise. */
const LONGEST_NAME = 63;
/** Most rows of {@link RARE} that are kept. */
export const MOST_RARE = 2_000;

/** An aggregate is never volatile itself: the functions that it is made of count. */
const VOLATILE = `p.provolatile = 'v' or exists (
  select from pg_catalog.pg_aggregate a
  cross join pg_catalog.unnest(array[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
    a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[]) as part (oid)
  join pg_catalog.pg_proc f on f.oid = part.oid where a.aggfnoid = p.oid and f.provolatile = 'v')`;

const OWNER = "case n.nspname when 'pg_catalog' then 'own' else 'others' end";

/** The functions and the relations with these names, in whatever schema. */
export const BY_NAME = `select 'functions' as what, ${OWNER} as owner, p.proname as name,
  case when ${VOLATILE} then 'volatile' else 'steady' end as fact
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.proname = any ($1::pg_catalog.text[]::pg_catalog.name[]) group by 2, 3, 4
union all select 'relations', ${OWNER}, c.relname,
  case c.relpersistence when 't' then 'temporary' when 'u' then 'unlogged' else c.relkind::pg_catalog.text end
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relname = any ($2::pg_catalog.text[]::pg_catalog.name[]) group by 2, 3, 4`;

/**
 * What is called without its name in the text: the functions of operators, of casts and of a type's input, and those that the name of a
 * column calls (`t.f` is `f(t)`); and the tables above foreign ones.
 */
export const RARE = `select 'operator' as what, o.oprname as name
from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid = o.oprcode where p.provolatile = 'v'
union select 'type', t.typname from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid = c.castfunc
join pg_catalog.pg_type t on t.oid = c.casttarget where p.provolatile = 'v'
union select 'type', t.typname from pg_catalog.pg_type t join pg_catalog.pg_proc p on p.oid = t.typinput
where p.provolatile = 'v' and t.typtype = 'b'
union select 'column', p.proname from pg_catalog.pg_proc p join pg_catalog.pg_type t on t.oid = p.proargtypes[0]
where p.provolatile = 'v' and p.pronargs - p.pronargdefaults <= 1 and t.typtype in ('c', 'p')
and t.typname not in ('cstring', 'internal')
union select 'relation', c.relname from (with recursive above as (
  select i.inhparent from pg_catalog.pg_inherits i join pg_catalog.pg_class f on f.oid = i.inhrelid where f.relkind = 'f'
  union select i.inhparent from above a join pg_catalog.pg_inherits i on i.inhrelid = a.inhparent) table above) a
join pg_catalog.pg_class c on c.oid = a.inhparent
limit ${MOST_RARE + 1}`;

/** The answer to {@link BY_NAME}. What does not look like one is left out, and so is unknown. */
export function factsOf(rows: readonly Row[]): NamedFacts {
  const functions = new Map<string, FoundFacts>();
  const relations = new Map<string, FoundFacts>();
  for (const { what, owner, name, fact } of rows) {
    if (!isName(name) || !isName(fact)) continue;
    const found = what === 'functions' ? functions : what === 'relations' ? relations : undefined;
    if (found === undefined || (owner !== 'own' && owner !== 'others')) continue;
    const facts = found.get(name) ?? { own: new Set(), others: new Set() };
    facts[owner].add(fact);
    found.set(name, facts);
  }
  return { functions, relations };
}

interface FoundFacts extends NameFacts {
  readonly own: Set<string>;
  readonly others: Set<string>;
}

/** The answer to {@link RARE}; `undefined` if there are more than can be kept. */
export function rareOf(rows: readonly Row[]): RareNames | undefined {
  if (rows.length > MOST_RARE) return undefined;
  const named = (kind: keyof RareNames) =>
    new Set(
      rows
        .filter(({ what }) => what === kind)
        .map(({ name }) => name)
        .filter(isName),
    );
  return {
    operator: named('operator'),
    type: named('type'),
    column: named('column'),
    relation: named('relation'),
  };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_NAME;
}
