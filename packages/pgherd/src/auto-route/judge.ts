import { quoted } from '../model/foreign.ts';
import { builtInVerdict, ofOneServer, settingVerdict } from './built-in.ts';
import type { NamedFacts, NameFacts, RareNames } from './catalog.ts';
import type { QualifiedName, Uses } from './finding.ts';

/** What is known of the catalog at one moment. */
export interface Facts extends NamedFacts {
  /** `undefined` if there are more than can be kept. */
  readonly rare: RareNames | undefined;
}

const OWN_SCHEMA = 'pg_catalog';
const NO_FACTS: NameFacts = Object.freeze({ own: new Set<string>(), others: new Set<string>() });

/**
 * Why a statement that seems to read is for the primary, by what it uses; `undefined` if it may go to a standby. Pure. The facts are those
 * of all names that it uses: a name without facts does not exist. `allowed`: volatile functions of the application that may run on a
 * standby, by name.
 */
export function objection(uses: Uses, facts: Facts, allowed: ReadonlySet<string>): string | undefined {
  return (
    firstOf(uses.settings, settingVerdict) ??
    firstOf(uses.functions, (called) => functionObjection(called, facts, allowed)) ??
    firstOf(uses.relations, (read) => relationObjection(read, uses, facts)) ??
    rareObjection(uses, facts.rare)
  );
}

function functionObjection(
  called: QualifiedName,
  facts: Facts,
  allowed: ReadonlySet<string>,
): string | undefined {
  const { own, others } = inSchema(facts.functions.get(called.name), called.schema);
  if (own.size + others.size === 0) return `the function ${shown(called)} is not known`;
  if (own.size > 0) {
    const why = builtInVerdict(called.name, own.has('volatile'));
    if (why !== undefined) return why;
  }
  const isVolatile = [...others].some((fact) => fact !== 'steady');
  return isVolatile && !allowed.has(called.name) ? `the function ${shown(called)} is volatile` : undefined;
}

function relationObjection(read: QualifiedName, uses: Uses, facts: Facts): string | undefined {
  const { schema, name } = read;
  if (schema?.startsWith('pg_temp') === true) return `${shown(read)} is a temporary table`;
  const { own, others } = inSchema(facts.relations.get(name), schema);
  if (own.size + others.size === 0) {
    const isCte = schema === undefined && uses.ctes.has(name);
    return isCte ? undefined : `the relation ${shown(read)} is not known`;
  }
  const why = ofOneServer(name);
  if (why !== undefined) return why;
  if (facts.rare?.relation.has(name) === true) return `${shown(read)} has foreign tables below it`;
  return firstOf([...others], (kind) => {
    const what = FOR_PRIMARY.get(kind);
    return what === undefined ? undefined : `${shown(read)} is ${what}`;
  });
}

/** Kinds of relations that are read on the primary. */
const FOR_PRIMARY: ReadonlyMap<string, string> = new Map([
  ['f', 'a foreign table'],
  ['S', 'a sequence'],
  ['temporary', 'a temporary table'],
  ['unlogged', 'an unlogged table'],
]);

function rareObjection(uses: Uses, rare: RareNames | undefined): string | undefined {
  if (rare === undefined)
    return 'there are more volatile operators, casts and functions of rows than can be kept';
  const used = [
    ['operator', uses.operators],
    ['type', uses.types],
    ['column', uses.columns],
  ] as const;
  return firstOf(used, ([kind, all]) =>
    firstOf([...all], (name) =>
      rare[kind].has(name) ? `the ${kind} ${quoted(name)} may call a volatile function` : undefined,
    ),
  );
}

/** A qualified name is in one schema: PostgreSQL's own or, as far as is known, one of the application's. */
function inSchema(facts: NameFacts = NO_FACTS, schema: string | undefined): NameFacts {
  if (schema === undefined) return facts;
  return schema === OWN_SCHEMA ? { ...NO_FACTS, own: facts.own } : { ...NO_FACTS, others: facts.others };
}

function firstOf<T>(all: readonly T[], why: (one: T) => string | undefined): string | undefined {
  for (const one of all) {
    const found = why(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

function shown({ schema, name }: QualifiedName): string {
  return quoted(schema === undefined ? name : `${schema}.${name}`);
}
