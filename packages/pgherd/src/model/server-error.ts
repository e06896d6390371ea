/**
 * An error of the server, as node-postgres shows it too. What the server left out is `undefined`; so are all fields of an error that
 * has the server's error only as its `cause`.
 */
export interface ServerError extends Error {
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly severity?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** Where in the statement, in characters from 1. */
  readonly position?: string | undefined;
  readonly where?: string | undefined;
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  readonly dataType?: string | undefined;
  /** Name of the constraint or of the unique index that was violated. */
  readonly constraint?: string | undefined;
  readonly routine?: string | undefined;
  /** Name of the node that answered. */
  readonly node?: string | undefined;
  /** Text of the statement, without its values; not enumerable. */
  readonly query?: string | undefined;
}
