/** The class of the driver for the errors that a server sends. */
export type DatabaseErrorClass = new (message: string, length: number, name: string) => Error;

/** Properties of a server's error as `pg` names them, by the letters of the protocol. */
const PROPERTIES: Readonly<Record<string, string>> = Object.freeze({
  S: 'severity',
  C: 'code',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internalPosition',
  q: 'internalQuery',
  W: 'where',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'dataType',
  n: 'constraint',
  F: 'file',
  L: 'line',
  R: 'routine',
});

/** What is read of a server's error to decide what it means. */
export interface ServerErrorFields {
  readonly severity?: string | undefined;
  readonly code?: string | undefined;
  readonly routine?: string | undefined;
}

/** An error, and whether the server ends the connection with it. */
export interface ServerError {
  readonly error: Error & ServerErrorFields;
  readonly fatal: boolean;
}

/** The error that `pg` itself would throw for an ErrorResponse, whose body is in `bytes`. */
export function readServerError(
  bytes: Buffer,
  start: number,
  end: number,
  ErrorClass: DatabaseErrorClass,
): ServerError {
  const fields = readFields(bytes, start, end);
  const error = new ErrorClass(fields.get('M') ?? '', end - start + 4, 'error');
  const properties = Object.entries(PROPERTIES).map(([letter, name]) => [name, fields.get(letter)]);
  return { error: Object.assign(error, Object.fromEntries(properties)), fatal: isFatal(severityOf(fields)) };
}

/**
 * The fields of an ErrorResponse or a NoticeResponse by their letters: a letter and a string each, up to a
 * NUL in the place of a letter.
 */
export function readFields(bytes: Buffer, start: number, end: number): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const stop = bytes.indexOf(0, at + 1);
    if (stop < 0 || stop >= end) break;
    fields.set(String.fromCharCode(bytes[at] ?? 0), bytes.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  return fields;
}

/** In English if the server reports that (PostgreSQL 9.6 and newer); else in its own language. */
export function severityOf(fields: ReadonlyMap<string, string>): string | undefined {
  return fields.get('V') ?? fields.get('S');
}

/** Whether the server ends the connection with a report of this severity. */
export function isFatal(severity: string | undefined): boolean {
  return severity === 'FATAL' || severity === 'PANIC';
}
