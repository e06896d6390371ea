import { PgHerdError } from '../../model/errors.ts';
import type { Report } from '../../wire/backend-reader.ts';

/** The module `postgres`, as far as the adapter needs it. */
export interface PostgresJsModule {
  (options: never): unknown;
  /** The class of the errors that a server answers. */
  readonly PostgresError: new (
    ...fields: never[]
  ) => Error;
}

/** A column as postgres.js describes it. */
export interface PostgresJsColumn {
  readonly name: string;
  readonly type: number;
  readonly table: number;
  readonly number: number;
}

/**
 * What a statement of postgres.js resolves with: the rows, with more about them. A COPY resolves with a
 * stream.
 */
export interface PostgresJsResult extends Array<unknown> {
  readonly count: number | null;
  readonly command: string | null;
  readonly columns: readonly PostgresJsColumn[] | null | undefined;
}

/** A statement that is about to run; it runs once it is awaited. */
export interface PostgresJsQuery extends PromiseLike<PostgresJsResult | PostgresJsResult[] | object> {
  values(): PostgresJsQuery;
  raw(): PostgresJsQuery;
}

/** A client seen from inside, without the types of tags. */
export interface PostgresJsInside {
  unsafe(
    text: string,
    values: readonly unknown[],
    options: { readonly prepare: boolean; readonly simple: boolean },
  ): PostgresJsQuery;
  end(options: { readonly timeout: number }): Promise<void>;
  readonly options: PostgresJsOptions;
}

/**
 * Options as postgres.js has worked them out. An object with `shared` is taken as it is, and nothing is read
 * from the environment.
 */
export interface PostgresJsOptions {
  readonly parsers: Readonly<Record<number, unknown>>;
  readonly serializers: Readonly<Record<number, unknown>>;
  readonly shared: object;
  readonly [name: string]: unknown;
}

/** Errors by which postgres.js says that the connection is gone. */
const GONE: ReadonlySet<unknown> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
]);

/** Whether postgres.js says that the connection is gone. */
export function isGone(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && GONE.has(error.code);
}

/** Whether postgres.js says that it was ended before, and did not send the statement. */
export function isEnded(error: unknown): boolean {
  return isGone(error) && (error as { code: unknown }).code === 'CONNECTION_ENDED';
}

/** The reason for an end without an error; begins like that of `pg`, by which it is recognized. */
export function endedUnexpectedly(): Error {
  return Object.assign(new Error('Connection terminated unexpectedly'), { code: 'CONNECTION_CLOSED' });
}

/** The error for a statement that cannot be sent as it is. */
export function unsendable(why: string, cause?: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    `postgres.js cannot send the statement, and it was not sent: ${why}`,
    { cause },
  );
}

/**
 * For a second connection, which `listen` or `subscribe` of a client would open and pgherd would not watch.
 */
export function secondConnection(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'The client of a lease is one connection and opens no other: listen and subscribe of postgres.js need one of their own. Use listen of the cluster.',
  );
}

/** Names that postgres.js gives the fields of an error, by their letter. */
const FIELDS: Readonly<Record<string, string>> = Object.freeze({
  S: 'severity_local',
  V: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internal_position',
  q: 'internal_query',
  W: 'where',
  s: 'schema_name',
  t: 'table_name',
  c: 'column_name',
  n: 'constraint_name',
  F: 'file',
  L: 'line',
  R: 'routine',
});

/**
 * An error of the server as postgres.js would throw it; it keeps to itself those behind which no
 * ReadyForQuery comes.
 */
export function serverError(module: PostgresJsModule, report: Report): Error {
  const fields = [...report.all].map(([letter, value]) => [FIELDS[letter] ?? letter, value] as const);
  const ErrorClass = module.PostgresError as unknown as new (fields: Record<string, string>) => Error;
  return new ErrorClass({ severity: report.severity, ...Object.fromEntries(fields) });
}
