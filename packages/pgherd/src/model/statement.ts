/** Row form: objects by column name, or arrays by position. */
export type RowMode = 'object' | 'array';

/** Turns the text of one value into what JavaScript gets. */
export type ParseText = (text: string) => unknown;

/** Where the parser of a type is found: `types` of `pgherd`, `pg.types`, or an object with this one method. */
export interface TypeParsers {
  /** The parser for the type with this OID. */
  getTypeParser(oid: number, format: 'text'): ParseText;
}

/** One statement and its parameters. */
export interface Statement {
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
  /** Name of a prepared statement. */
  readonly name?: string | undefined;
  /** Default `object`. */
  readonly rowMode?: RowMode | undefined;
  /** How the values of its rows are parsed, if not by the cluster's option `types`. */
  readonly types?: TypeParsers | undefined;
}

/** A statement as it is sent: what stands behind its SQL goes with a Parse without a name, so that prepared statements are not lost. */
export interface SentStatement extends Statement {
  readonly behind?: string | undefined;
}

/** The SQL that a Parse of this statement without a name sends. */
export function unnamedText({ text, behind }: SentStatement): string {
  return behind === undefined ? text : text + behind;
}

/** How the values of pgherd's own statements are read: as the text that the server sends, whatever the application's parsers do. */
export const OWN_TYPES: TypeParsers = Object.freeze({ getTypeParser: () => asText });

function asText(text: string): string {
  return text;
}

/**
 * A statement of pgherd's own that goes the way of the application's, behind or before them: its values are text, and no parser of
 * the application can make it fail.
 */
export function ownStatement(text: string, values?: readonly unknown[]): Statement {
  return { text, values, types: OWN_TYPES };
}

/** One column of a result. */
export interface Field {
  readonly name: string;
  /** OID of the column's type. */
  readonly dataTypeID: number;
  readonly tableID: number;
  readonly columnID: number;
}

/** A row by column name. */
export type Row = Record<string, unknown>;

/** The result of a statement. */
export interface QueryResult<R = Row> {
  readonly rows: R[];
  /** Rows counted by the command tag; `null` if the command counts none. */
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
  /** First word of the command tag, for example `SELECT`. */
  readonly command: string;
  /** The node that answered. */
  readonly node: string;
}

/**
 * The result of a statement with the node that answered. Copied field by field: a spread costs several microseconds
 * per statement.
 */
export function answeredBy<R>(result: Omit<QueryResult<R>, 'node'>, node: string): QueryResult<R> {
  const { rows, rowCount, fields, command } = result;
  return { rows, rowCount, fields, command, node };
}
