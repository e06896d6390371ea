/** The class that `pg` throws for what a server answers. */
export type DatabaseErrorClass = new (message: string, length: number, name: string) => Error;

/** Properties of a server's error, by the letters of the protocol, as `pg` names them. */
const FIELDS: Readonly<Record<string, string>> = Object.freeze({
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

/** What the lane looks at in an error. */
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

/** The error that `pg` itself would throw for an ErrorResponse. */
export function readServerError(
  bytes: Buffer,
  start: number,
  end: number,
  ErrorClass: DatabaseErrorClass,
): ServerError {
  const told = new Map<string, string>();
  for (let at = start; at < end && bytes[at] !== 0; ) {
    const letter = String.fromCharCode(bytes[at] ?? 0);
    const stop = bytes.indexOf(0, at + 1);
    if (stop < 0 || stop >= end) break;
    told.set(letter, bytes.toString('utf8', at + 1, stop));
    at = stop + 1;
  }
  const error = new ErrorClass(told.get('M') ?? '', end - start + 4, 'error');
  const properties = Object.entries(FIELDS).map(([letter, name]) => [name, told.get(letter)]);
  // The severity in the server's language, `S`, is for people.
  const severity = told.get('V') ?? told.get('S');
  return {
    error: Object.assign(error, Object.fromEntries(properties)),
    fatal: severity === 'FATAL' || severity === 'PANIC',
  };
}
