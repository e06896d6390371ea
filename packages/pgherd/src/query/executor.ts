import type { CallOptions, CallRecord } from '../call/call.ts';
import type { DriverConnection } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import type { LongWork, WorkKind } from './long-work.ts';

/** Runs one statement; `record` gets to know where and when, if it is watched. */
export type Execute = (
  statement: Statement,
  options: CallOptions,
  record?: CallRecord,
) => Promise<QueryResult<Row>>;

/** Runs the verbs' statements: on the cluster, in a transaction or on a lease. */
export interface Executor {
  readonly execute: Execute;
  /** Name of the driver, for errors. */
  readonly driver: string;
  /** The statement with the tags of the call behind its SQL. */
  tagged(statement: Statement, options: CallOptions): Statement;
  /** A statement that goes before a batch of the call, in the same transaction; absent, or none, if nothing does. */
  before?(options: CallOptions): Statement | undefined;
  /** Starts work that keeps a connection for longer than one answer. */
  start<T>(work: WorkKind<T>, options: CallOptions, record?: CallRecord): Promise<LongWork<T>>;
}

/** The work with the tags of its call behind its SQL; a batch does that for each of its statements. */
export function taggedWork<T>(
  { tagged }: Pick<Executor, 'tagged'>,
  work: WorkKind<T>,
  options: CallOptions,
): WorkKind<T> {
  if (work.verb === 'batch') return work;
  const statement = tagged(work.statement, options);
  return statement === work.statement ? work : { ...work, statement };
}

/** The optional methods of a connection. */
type Extra = 'batch' | 'cursor' | 'copyIn' | 'copyOut';
type With<K extends Extra> = DriverConnection & { readonly [P in K]: NonNullable<DriverConnection[P]> };

const REMEDIES: Readonly<Record<Extra, string>> = Object.freeze({
  batch: 'Run the statements in a transaction.',
  cursor: 'Read the result with rows.',
  copyIn: 'Use INSERT.',
  copyOut: 'Use SELECT.',
});

/**
 * The connection, if it has a method that not every driver has.
 * @throws PgHerdError `PGHERD_UNSUPPORTED` if it does not.
 */
export function supported<K extends Extra>(
  { driver }: Pick<Executor, 'driver'>,
  connection: DriverConnection,
  method: K,
): With<K> {
  if (connection[method] !== undefined) return connection as With<K>;
  throw new PgHerdError('PGHERD_UNSUPPORTED', `${driver} has no ${method}. ${REMEDIES[method]}`);
}
