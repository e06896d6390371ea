import { isDate } from 'node:util/types';
import { messageOf } from '../../model/errors.ts';
import { unsendable } from './inside.ts';

/** A value as it goes to the server: text, made before the type is known. */
export class ParameterText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/** An object that says itself what it is in PostgreSQL, as `pg` has it. */
interface Convertible {
  toPostgres(convert: (value: unknown) => unknown): unknown;
}

/**
 * A parameter as `pg` would send it, so that a program means the same with either driver: dates in local time
 * with their offset, arrays as array literals, other objects as JSON, `undefined` as NULL, bytes in
 * hexadecimal.
 */
export function parameterOf(value: unknown): ParameterText | null {
  const text = textOf(value, []);
  return text === null ? null : new ParameterText(text);
}

function textOf(value: unknown, seen: readonly unknown[]): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value);
  if (ArrayBuffer.isView(value)) return hexadecimal(value);
  if (isDate(value)) return dateText(value);
  if (Array.isArray(value)) return arrayText(value);
  if (!isConvertible(value)) return jsonText(value);
  if (seen.includes(value)) throw new Error('circular reference detected while preparing a value for query');
  return textOf(
    value.toPostgres((inner) => textOf(inner, [])),
    [...seen, value],
  );
}

function isConvertible(value: object): value is Convertible {
  return 'toPostgres' in value && typeof value.toPostgres === 'function';
}

/** `undefined` for what JSON does not have, which is NULL then. */
function jsonText(value: object): string | null {
  return (JSON.stringify(value) as string | undefined) ?? null;
}

function hexadecimal(view: ArrayBufferView): string {
  return `\\x${Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex')}`;
}

/** An array literal; elements are separated by commas, which suits every type but `box`. */
export function arrayText(values: readonly unknown[]): string {
  return `{${values.map(elementText).join(',')}}`;
}

function elementText(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (Array.isArray(value)) return arrayText(value);
  const text = textOf(value, []);
  return text === null ? 'NULL' : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * Local time with its offset: right for `timestamptz` whatever the session's zone is, and the wall clock's
 * for the others.
 */
function dateText(date: Date): string {
  const offset = -date.getTimezoneOffset();
  const fullYear = date.getFullYear();
  const isBC = fullYear < 1;
  // There is no year 0: 1 BC comes before 1.
  const year = padded(isBC ? 1 - fullYear : fullYear, 4);
  const day = `${year}-${padded(date.getMonth() + 1, 2)}-${padded(date.getDate(), 2)}`;
  const time = `${padded(date.getHours(), 2)}:${padded(date.getMinutes(), 2)}:${padded(date.getSeconds(), 2)}`;
  const minutes = Math.abs(offset);
  const zone = `${offset < 0 ? '-' : '+'}${padded(Math.floor(minutes / 60), 2)}:${padded(minutes % 60, 2)}`;
  return `${day}T${time}.${padded(date.getMilliseconds(), 3)}${zone}${isBC ? ' BC' : ''}`;
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** More parameters than postgres.js takes, which then mixes up the statements in flight. */
const MOST_PARAMETERS = 65_533;

/**
 * The parameters of a statement.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for one that has no text, or for too many.
 */
export function parametersOf(values: readonly unknown[] | undefined): (ParameterText | null)[] {
  if (values === undefined) return [];
  if (values.length > MOST_PARAMETERS) {
    throw unsendable(
      `it has ${values.length} parameters, and ${MOST_PARAMETERS} are the most that it takes.`,
    );
  }
  try {
    return values.map(parameterOf);
  } catch (cause) {
    throw unsendable(messageOf(cause), cause);
  }
}
