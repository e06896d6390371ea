import type { EventEmitter } from 'node:events';
import { argumentError } from '../model/errors.ts';
import type { TypeParsers } from '../model/statement.ts';

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
  return module;
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
