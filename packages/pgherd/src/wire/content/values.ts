import { isDate } from 'node:util/types';
import { argumentError, messageOf, PgHerdError } from '../../model/errors.ts';
import { Fragment } from '../../sql/tag.ts';

/** A parameter as it goes over the wire: text, bytes, or null. */
export type WireValue = string | Uint8Array | null;

/** An object that knows its own form, as node-postgres calls it. */
interface ToPostgres {
  toPostgres(prepare: (value: unknown) => unknown): unknown;
}

const NO_VALUES: readonly WireValue[] = Object.freeze([]);

/**
 * The values of a statement in their wire form, as node-postgres would send them.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` naming the first value that cannot be sent.
 */
export function wireValues(values: readonly unknown[] | undefined): readonly WireValue[] {
  if (values === undefined || values.length === 0) return NO_VALUES;
  const wire: WireValue[] = [];
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    wire.push(typeof value === 'string' ? value : wireValue(value, index));
  }
  return wire;
}

function wireValue(value: unknown, index: number): WireValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  try {
    return prepared(value, []);
  } catch (cause) {
    if (cause instanceof PgHerdError)
      throw argumentError(`The value $${index + 1} cannot be sent: ${cause.message}`);
    throw new PgHerdError(
      'PGHERD_INVALID_ARGUMENT',
      `The value $${index + 1} cannot be sent: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function prepared(value: unknown, seen: object[]): WireValue {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      return value === null ? null : preparedObject(value, seen);
    case 'function':
    case 'symbol':
      throw argumentError(`a ${typeof value} is no value.`);
    default:
      throw argumentError('it is of no known type.');
  }
}

function preparedObject(value: object, seen: object[]): WireValue {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  if (isDate(value)) return dateText(value);
  if (Array.isArray(value)) return arrayText(value, seen);
  if (isToPostgres(value)) {
    if (seen.includes(value)) throw argumentError('its toPostgres() leads back to itself.');
    return prepared(
      value.toPostgres((one) => prepared(one, [...seen, value])),
      [...seen, value],
    );
  }
  refuseVanishing(value);
  return JSON.stringify(value) ?? null;
}

function isToPostgres(value: object): value is ToPostgres {
  return typeof (value as Partial<ToPostgres>).toPostgres === 'function';
}

/** JSON would make `{}` of them without a word. */
function refuseVanishing(value: object): void {
  if ('toJSON' in value) return;
  if (value instanceof Map || value instanceof Set)
    throw argumentError(
      `a ${value.constructor.name} has no form in PostgreSQL: spread it into an array or object.`,
    );
  if (value instanceof WeakMap || value instanceof WeakSet)
    throw argumentError('a weak collection is no value.');
  if (value instanceof Fragment)
    throw argumentError('it is a fragment of sql: put it into the text by the sql tag.');
  if ('then' in value && typeof value.then === 'function')
    throw argumentError('it is a promise: await it first.');
}

function arrayText(items: readonly unknown[], seen: object[]): string {
  if (seen.includes(items)) throw argumentError('it contains itself.');
  const inside = [...seen, items];
  let text = '{';
  for (let index = 0; index < items.length; index++) {
    if (index > 0) text += ',';
    text += itemText(items[index], inside);
  }
  return `${text}}`;
}

function itemText(item: unknown, seen: object[]): string {
  if (item === null || item === undefined) return 'NULL';
  if (Array.isArray(item)) return arrayText(item, seen);
  const value = prepared(item, seen);
  if (value === null) return 'NULL';
  if (typeof value !== 'string')
    return `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

const pad = (number: number, width: number): string => String(number).padStart(width, '0');

/** Local time with its offset: PostgreSQL takes the date of it as the local one. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) throw argumentError('it is an invalid Date.');
  const year = date.getFullYear();
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  const day = `${pad(year < 1 ? 1 - year : year, 4)}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
  const time = `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`;
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`;
  return `${day}T${time}${zone}${year < 1 ? ' BC' : ''}`;
}
