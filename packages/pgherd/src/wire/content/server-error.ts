import { nameErrorClass } from '../../model/errors.ts';
import { excerptAt } from '../../model/excerpt.ts';
import type { Statement } from '../../model/statement.ts';
import { BodyReader, protocolError } from './reader.ts';
import { valuesHint } from './values-hint.ts';

/** Fields of an error or notice, by the letters of the protocol, under the names that node-postgres gives them. */
const NAMES: Readonly<Record<string, keyof ServerMessageFields>> = Object.freeze({
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
/** The same as pairs: what a field's letter stands for. */
export const LETTERS = Object.freeze(Object.entries(NAMES));
/** More fields than any server sends. */
const MAX_FIELDS = 64;

/** Fields that an error or a notice of the server may have. */
export interface ServerMessageFields {
  severity: string | undefined;
  /** SQLSTATE. */
  code: string | undefined;
  detail: string | undefined;
  hint: string | undefined;
  position: string | undefined;
  internalPosition: string | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;
  file: string | undefined;
  line: string | undefined;
  routine: string | undefined;
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** An ErrorResponse of the server, with the properties of node-postgres' `DatabaseError`. */
export class ServerError extends Error implements ServerMessageFields {
  static {
    nameErrorClass(ServerError, 'ServerError');
  }
  /** Bytes of the message. */
  readonly length: number;
  /** Text of the statement that failed, without its values. Not enumerable: `JSON.stringify` and loggers leave it out. */
  declare query: string | undefined;
  /** The node that answered. */
  declare node: string | undefined;
  severity: string | undefined;
  code: string | undefined;
  detail: string | undefined;
  hint: string | undefined;
  position: string | undefined;
  internalPosition: string | undefined;
  internalQuery: string | undefined;
  where: string | undefined;
  schema: string | undefined;
  table: string | undefined;
  column: string | undefined;
  dataType: string | undefined;
  constraint: string | undefined;
  file: string | undefined;
  line: string | undefined;
  routine: string | undefined;

  constructor(message: string, length: number, fields: ServerMessageFields) {
    super(message);
    this.name = 'error';
    this.length = length;
    Object.assign(this, fields);
  }

  /** As `console.log` shows it: with the place in the statement that the server names. */
  [INSPECT](_depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    const own = inspect(withoutMissing(this), { ...options, customInspect: false });
    const text = this.internalQuery ?? this.query;
    const position = Number(this.internalPosition ?? this.position);
    const excerpt = text === undefined ? undefined : excerptAt(text, position);
    return excerpt === undefined ? own : `${own}\n${excerpt}`;
  }
}

/** The error without the fields that the server left out. */
function withoutMissing(error: ServerError): object {
  const given = Object.entries(Object.getOwnPropertyDescriptors(error)).filter(
    ([, { value, get }]) => value !== undefined || get !== undefined,
  );
  return Object.create(Object.getPrototypeOf(error), Object.fromEntries(given));
}

/** The error, with a hint about the values of its statement where they are the reason. */
export function hinted(error: ServerError, statement: Statement): ServerError {
  const hint = valuesHint(error.code, statement);
  if (hint !== undefined) error.hint = error.hint === undefined ? hint : `${error.hint} ${hint}`;
  return error;
}

/** What an ErrorResponse or NoticeResponse says. */
export interface ReadMessage {
  readonly message: string;
  readonly fields: ServerMessageFields;
  /** In the server's own language and always English, if it gives both. */
  readonly severity: string;
}

/** Reads the body of an ErrorResponse or NoticeResponse. */
export function readMessage(bytes: Buffer, start: number, end: number): ReadMessage {
  const reader = new BodyReader(bytes, start, end);
  const fields: ServerMessageFields = { ...NO_FIELDS };
  let message = '';
  let severity: string | undefined;
  for (let count = 0; ; count++) {
    const letter = reader.byte();
    if (letter === 0) break;
    if (count === MAX_FIELDS) throw protocolError(`a message has more than ${MAX_FIELDS} fields`);
    const value = reader.cstring();
    const key = String.fromCharCode(letter);
    if (key === 'M') message = value;
    else if (key === 'V') severity = value;
    const name = NAMES[key];
    if (name !== undefined) fields[name] = value;
  }
  reader.finish('a message');
  return { message, fields, severity: severity ?? fields.severity ?? '' };
}

/** The error of an ErrorResponse, and whether the server ends the connection with it. */
export function readServerError(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly error: ServerError; readonly fatal: boolean } {
  const { message, fields, severity } = readMessage(bytes, start, end);
  return {
    error: new ServerError(message, end - start + 4, fields),
    fatal: severity === 'FATAL' || severity === 'PANIC',
  };
}

const NO_FIELDS: ServerMessageFields = Object.freeze({
  severity: undefined,
  code: undefined,
  detail: undefined,
  hint: undefined,
  position: undefined,
  internalPosition: undefined,
  internalQuery: undefined,
  where: undefined,
  schema: undefined,
  table: undefined,
  column: undefined,
  dataType: undefined,
  constraint: undefined,
  file: undefined,
  line: undefined,
  routine: undefined,
});
