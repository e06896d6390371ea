import type { DriverResult } from '../../connection/port.ts';
import type { Field, Row, Statement } from '../../model/statement.ts';
import { unreadable } from '../../wire/failures.ts';
import type { PostgresJsColumn, PostgresJsResult } from './inside.ts';

/** How a statement ended, by what the server said. */
export interface Ending {
  /** Tag of the last command; `undefined` if the server sent none. */
  readonly tag: string | undefined;
  /**
   * Whether it returned a row set, even an empty one; `undefined` for one statement alone, whose columns say
   * so.
   */
  readonly hadRows: boolean | undefined;
}

const TAG = /^([A-Za-z]+)(?: (\d+))?(?: (\d+))?/;

/**
 * The port's result of the last statement; postgres.js lumps together what has no rows with the one before.
 */
export function driverResult(given: PostgresJsResult | PostgresJsResult[], ending: Ending): DriverResult {
  const last = isOne(given) ? given : given.at(-1);
  const tag = ending.tag ?? last?.command ?? '';
  const [, command = '', first, second] = TAG.exec(tag) ?? [];
  const counted = second ?? first;
  const known =
    ending.tag === undefined ? (last?.count ?? null) : counted === undefined ? null : Number(counted);
  if (last === undefined || ending.hadRows === false)
    return { rows: [], rowCount: known, fields: [], command };
  return { rows: rowsOf(last), rowCount: known, fields: fieldsOf(last.columns), command };
}

/**
 * After a statement that failed behind some rows, postgres.js leaves as many places free in the next result.
 */
function rowsOf(given: PostgresJsResult): Row[] {
  return (0 in given ? given.slice() : given.filter(() => true)) as Row[];
}

function isOne(given: PostgresJsResult | PostgresJsResult[]): given is PostgresJsResult {
  return 'columns' in given;
}

/** The port's columns. */
export function fieldsOf(columns: readonly PostgresJsColumn[] | null | undefined): Field[] {
  return (columns ?? []).map(({ name, type, table, number }) => ({
    name,
    dataTypeID: type,
    tableID: table,
    columnID: number,
  }));
}

/** Type parsers for one statement, as `pg` takes them. */
interface StatementTypes {
  getTypeParser(oid: number, format: 'text'): (text: string) => unknown;
}

/** Rows of bytes, read by the parsers that came with the statement. */
export function parsedRows(result: DriverResult, statement: Statement): DriverResult {
  try {
    return readRows(result, statement);
  } catch (cause) {
    throw unreadable(cause);
  }
}

function readRows(result: DriverResult, statement: Statement): DriverResult {
  const types = statement.types as StatementTypes;
  const parsers = result.fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'));
  const rows = result.rows.map((row) => {
    const values = (row as unknown as (Buffer | null)[]).map((bytes, index) =>
      bytes === null ? null : parsers[index]?.(bytes.toString('utf8')),
    );
    if (statement.rowMode === 'array') return values as unknown as Row;
    return Object.fromEntries(result.fields.map(({ name }, index) => [name, values[index]]));
  });
  return { ...result, rows };
}
