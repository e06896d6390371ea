import { EventEmitter } from 'node:events';
import { argumentError, PgHerdError } from '../model/errors.ts';
import { foreign } from '../model/foreign.ts';
import type { TypeParsers } from '../model/statement.ts';
import { warnProcess } from '../observe/process-warning.ts';

/** The module `pg` as far as its types are needed: the program's own copy, of whatever version. */
export interface PgModule {
  /** The class of its clients. */
  readonly Client: new (
    ...args: never[]
  ) => object;
  /** The class of its pools. */
  readonly Pool: new (
    ...args: never[]
  ) => object;
}

/** What a callback of `pg` gets. */
export type Callback<T> = (error: unknown, value?: T, release?: (error?: unknown) => void) => void;

/** The public members of `pg.Client` that are used here. */
export interface PgClient extends EventEmitter {
  query(...args: unknown[]): unknown;
  end(...args: unknown[]): unknown;
  release?(error?: unknown): void;
}

/** The public members of `pg.Pool` that are used here. */
export interface PgPool extends EventEmitter {
  readonly options: Record<string, unknown>;
  readonly ending: boolean;
  connect(callback?: Callback<PgClient>): Promise<PgClient> | undefined;
  query(...args: unknown[]): unknown;
  end(callback?: (error?: unknown) => void): Promise<void> | undefined;
}

/** The result of a statement as `pg` makes it. */
export interface PgResult {
  command: string | null;
  rowCount: number | null;
  oid: number | null;
  rows: unknown[];
  fields: readonly unknown[];
}

/** The members of the module that are used here. */
export interface Pg {
  readonly Client: new (config?: unknown) => PgClient;
  readonly Pool: new (config?: unknown) => PgPool;
  readonly Result: new (rowMode?: string, types?: unknown) => PgResult;
  readonly DatabaseError: new (message: string, length: number, name: string) => Error;
  readonly types: TypeParsers;
  readonly defaults: { readonly parseInputDatesAsUTC?: unknown; readonly binary?: unknown };
}

/** The range of versions that the messages name. */
const RANGE = 'pg 8.16 or newer (and pg-pool 3.10 or newer)';

/**
 * The module that a program passed: as `import pg from 'pg'`, as a namespace, or what `require('pg')` returned.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for anything else.
 */
export function pgOf(given: unknown): Pg {
  const module = hasParts(given) ? given : (given as { default?: unknown } | null | undefined)?.default;
  if (!hasParts(module))
    throw argumentError(
      `The module pg is missing: pgherd needs ${RANGE}. Pass what \`import pg from 'pg'\` gives.`,
      {
        argument: 'pg',
      },
    );
  examine(module);
  return module;
}

/** Parts of the module that versions before the range do not all have. */
const NEWER_PARTS = ['Result', 'DatabaseError', 'defaults'] as const;
/** Modules that were looked at. */
const EXAMINED = new WeakSet<object>();
/** The first `pg` of the process, by its class of clients; one place, however often this module is loaded. */
const PLACE = Symbol.for('pgherd.pg.first.1');

/** Once for each module: whether it has all parts, and whether it is the only `pg` of the process. */
function examine(module: Pg): void {
  if (EXAMINED.has(module)) return;
  const lacks = NEWER_PARTS.filter((name) => module[name] === undefined);
  if (lacks.length > 0) throw unsupportedPg(`has no ${lacks.join(', ')}`);
  EXAMINED.add(module);
  const own = originOf(module.Client);
  const place = globalThis as { [PLACE]?: WeakRef<object> };
  const first = place[PLACE]?.deref();
  if (first === undefined) place[PLACE] = new WeakRef(own);
  else if (first !== own)
    warnProcess(
      'pg.copies',
      'This process has two copies of pg: what is set in one (types.setTypeParser, defaults) does not count in the other, and ' +
        'instanceof tells their classes apart. Find them with npm ls pg; if one is enough, run npm dedupe, or pass the one that your ' +
        'program imports to createPool(cluster, { pg }).',
    );
}

/** The class of `pg` itself, of which libraries may have made others. */
function originOf(Client: object): object {
  const parent: unknown = Object.getPrototypeOf(Client);
  // Of a class that extends nothing it is a function without a prototype.
  const isClass = typeof parent === 'function' && parent.prototype !== undefined;
  return isClass && parent !== EventEmitter ? originOf(parent) : Client;
}

/**
 * The module that `load` gives, which the program has installed.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if there is none, or something else in its place.
 */
export function loadedPg(load: () => unknown): Pg {
  let given: unknown;
  try {
    given = load();
  } catch (error) {
    // Node.js goes on with the files that asked for it.
    const [why = ''] = String(error instanceof Error ? error.message : error).split('\n');
    throw new PgHerdError(
      'PGHERD_INVALID_ARGUMENT',
      `The module pg cannot be loaded (${foreign(why)}): pgherd/pg needs ${RANGE}. Run npm install pg@latest, or pass your own to ` +
        'createPool(cluster, { pg }).',
      { cause: error, details: { argument: 'pg' } },
    );
  }
  return pgOf(given);
}

/** The error for a class that does not do what a supported version does. */
export function unsupportedPg(lacks: string): Error {
  return argumentError(
    `This copy of pg ${lacks}: pgherd needs ${RANGE}, in JavaScript, not pg.native. Run npm install pg@latest.`,
    { argument: 'pg' },
  );
}

function hasParts(given: unknown): given is Pg {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) return false;
  const { Client, Pool, types } = given as Partial<Record<'Client' | 'Pool' | 'types', unknown>>;
  return typeof Client === 'function' && typeof Pool === 'function' && typeof types === 'object';
}
