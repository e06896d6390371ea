import type { CallOptions } from '../call/call.ts';
import type { ClusterQuerier } from '../cluster/verbs.ts';
import type { QueryResult, Row, RowMode, TypeParsers } from '../model/statement.ts';
import { ServerError } from '../wire/content/server-error.ts';
import type { PlainCall } from './call.ts';
import type { Pg, PgResult } from './module.ts';

/** What runs a pool's statements: the cluster, or its routing by text. */
export type Runner = Pick<ClusterQuerier, 'query'>;

/** Runs a call by the cluster's own connections. The result and the server's errors are those of `pg`. */
export async function runByCluster(
  pg: Pg,
  runner: Runner,
  { text, values, rowMode, types = pg.types }: PlainCall,
  options: CallOptions,
): Promise<PgResult> {
  const mode: RowMode = rowMode === 'array' ? 'array' : 'object';
  try {
    const result = await runner.query({ text, values, rowMode: mode, types: types as TypeParsers }, options);
    return resultOf(pg, result, rowMode, types);
  } catch (error) {
    throw error instanceof ServerError ? databaseErrorOf(pg, error) : error;
  }
}

/**
 * Passes the outcome to the callback, if there is one. What the callback throws is thrown where nothing catches it, as by `pg`.
 */
export function settle(
  outcome: Promise<PgResult>,
  callback: PlainCall['callback'],
): Promise<PgResult> | undefined {
  if (callback === undefined) return outcome;
  outcome.then(
    (result) => process.nextTick(callback, undefined, result),
    (error: unknown) => process.nextTick(callback, error),
  );
  return undefined;
}

function resultOf(
  pg: Pg,
  { command, rowCount, rows, fields }: QueryResult<Row>,
  rowMode: string | undefined,
  types: unknown,
): PgResult {
  const result = new pg.Result(rowMode, types);
  result.command = command;
  result.rowCount = rowCount;
  // Of an INSERT the tag still has an OID, which is 0 for every table of today.
  result.oid = command === 'INSERT' ? 0 : null;
  result.rows = rows;
  result.fields = fields;
  return result;
}

/** Programs ask `error instanceof pg.DatabaseError`. */
function databaseErrorOf(pg: Pg, error: ServerError): Error {
  const made = new pg.DatabaseError(error.message, error.length, 'error');
  const { message: _message, length: _length, name: _name, ...fields } = { ...error };
  Object.assign(made, fields);
  if (error.cause !== undefined) made.cause = error.cause;
  return made;
}
