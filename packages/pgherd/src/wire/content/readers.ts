import type { ParseText, TypeParsers } from '../../model/statement.ts';
import { ORIGINAL_PARSERS, ORIGINAL_TEXT_PARSER } from '../types.ts';
import type { Columns } from './rows.ts';
import { type ReadValue, readText } from './text.ts';

const BOOL = 16;
const INT8 = 20;
/** Its parser is that of `int2` and `oid` as well. */
const INT4 = 23;
/** Its parser is that of `timestamp` and `date` as well. */
const TIMESTAMPTZ = 1184;

/**
 * Readers of pgherd's own for parsers of `pg-types`: they give the same values, straight from the bytes. What they do not recognise
 * goes to the parser.
 */
const OWN: ReadonlyMap<ParseText, ReadValue> = ownReaders();

function ownReaders(): Map<ParseText, ReadValue> {
  const readers = new Map<ParseText, ReadValue>([[ORIGINAL_TEXT_PARSER, readText]]);
  const replace = (oid: number, make: (parse: ParseText) => ReadValue): void => {
    const parse = ORIGINAL_PARSERS.get(oid);
    if (parse !== undefined) readers.set(parse, make(parse));
  };
  replace(INT4, wholeReader);
  replace(INT8, () => readText);
  replace(BOOL, boolReader);
  replace(TIMESTAMPTZ, timeReader);
  return readers;
}

/** The readers of a row's values, and the parsers that they stand for. */
interface Reading {
  readonly parsers: readonly ParseText[];
  readonly readers: readonly ReadValue[];
}

/** What was found for columns before: their parsers are nearly always the same. */
const READINGS = new WeakMap<Columns, Reading>();

/** The readers for the columns, by the parsers as they are set now. */
export function readersOf(columns: Columns, types: TypeParsers): readonly ReadValue[] {
  const { fields } = columns;
  const known = READINGS.get(columns);
  if (known !== undefined && isCurrent(known, columns, types)) return known.readers;
  const parsers = fields.map(({ dataTypeID }) => types.getTypeParser(dataTypeID, 'text'));
  const readers = parsers.map(readerFor);
  READINGS.set(columns, { parsers, readers });
  return readers;
}

function isCurrent({ parsers }: Reading, { fields }: Columns, types: TypeParsers): boolean {
  for (let index = 0; index < fields.length; index++) {
    if (types.getTypeParser(fields[index]?.dataTypeID ?? 0, 'text') !== parsers[index]) return false;
  }
  return true;
}

function readerFor(parse: ParseText): ReadValue {
  return OWN.get(parse) ?? ((bytes, at, length) => parse(readText(bytes, at, length)));
}

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const PLUS = 0x2b;
const COLON = 0x3a;
const POINT = 0x2e;
const BLANK = 0x20;
const LETTER_T = 0x74;
/** Digits that a number keeps exactly. */
const MOST_DIGITS = 15;

/** `parseInt`, for what the server sends as an integer. */
function wholeReader(parse: ParseText): ReadValue {
  return (bytes, at, length) => {
    const end = at + length;
    const isNegative = bytes[at] === MINUS;
    let from = isNegative ? at + 1 : at;
    if (from === end || end - from > MOST_DIGITS) return parse(readText(bytes, at, length));
    let number = 0;
    for (; from < end; from++) {
      const byte = bytes[from] ?? 0;
      if (byte < ZERO || byte > NINE) return parse(readText(bytes, at, length));
      number = number * 10 + byte - ZERO;
    }
    return isNegative ? -number : number;
  };
}

function boolReader(parse: ParseText): ReadValue {
  return (bytes, at, length) =>
    length === 1 && bytes[at] === LETTER_T ? true : parse(readText(bytes, at, length));
}

const DATE_LENGTH = 10;
const SECOND_LENGTH = 19;
/** Behind the six digits of a fraction, which is what PostgreSQL keeps. */
const LONGEST_FRACTION_END = 26;
/** No time or date that the server writes is longer; the parser takes the square of the length for some texts. */
const LONGEST_TIME = 64;
const FIRST_PLAIN_YEAR = 100;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * `timestamptz`, `timestamp` and `date` in the form `ISO`: `2024-07-01 12:34:56.789+02`. Years before 100 or of five digits, `BC` and
 * `infinity` go to the parser.
 */
function timeReader(parse: ParseText): ReadValue {
  const other = (bytes: Buffer, at: number, length: number): unknown => {
    if (length > LONGEST_TIME) throw new Error(`a time of ${length} characters is none`);
    return parse(readText(bytes, at, length));
  };
  return (bytes, at, length) => {
    const year = digits(bytes, at, 4);
    const month = digits(bytes, at + 5, 2);
    const day = digits(bytes, at + 8, 2);
    if (length < DATE_LENGTH || year < FIRST_PLAIN_YEAR || month < 0 || day < 0)
      return other(bytes, at, length);
    if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return other(bytes, at, length);
    if (length === DATE_LENGTH) return new Date(year, month - 1, day);
    const hour = digits(bytes, at + 11, 2);
    const minute = digits(bytes, at + 14, 2);
    const second = digits(bytes, at + 17, 2);
    if (length < SECOND_LENGTH || hour < 0 || minute < 0 || second < 0) return other(bytes, at, length);
    if (bytes[at + 10] !== BLANK || bytes[at + 13] !== COLON || bytes[at + 16] !== COLON)
      return other(bytes, at, length);
    const zoneAt = afterFraction(bytes, at + SECOND_LENGTH, at + length);
    if (zoneAt > at + LONGEST_FRACTION_END) return other(bytes, at, length);
    const ms = zoneAt === at + SECOND_LENGTH ? 0 : millisecond(bytes, at + SECOND_LENGTH + 1, zoneAt);
    if (zoneAt === at + length) return new Date(year, month - 1, day, hour, minute, second, ms);
    const offset = zoneOffset(bytes, zoneAt, at + length);
    if (offset === undefined) return other(bytes, at, length);
    return new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms) - offset);
  };
}

/** The number of `count` digits; negative if one of them is none. */
function digits(bytes: Buffer, at: number, count: number): number {
  let number = 0;
  for (let index = at; index < at + count; index++) {
    const digit = (bytes[index] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Where the digits behind a point end; `at` if there are none. */
function afterFraction(bytes: Buffer, at: number, end: number): number {
  if (at === end || bytes[at] !== POINT) return at;
  let index = at + 1;
  while (index < end && (bytes[index] ?? 0) >= ZERO && (bytes[index] ?? 0) <= NINE) index++;
  return index;
}

/** Thousandths from the digits behind the point, by the same arithmetic as the parser's. */
function millisecond(bytes: Buffer, at: number, end: number): number {
  let number = 0;
  let unit = 1;
  for (let index = at; index < end; index++) {
    number = number * 10 + (bytes[index] ?? 0) - ZERO;
    unit *= 10;
  }
  return 1000 * (number / unit);
}

/** `+02`, `-03:30`; `undefined` for another form. */
function zoneOffset(bytes: Buffer, at: number, end: number): number | undefined {
  const sign = bytes[at] === PLUS ? 1 : bytes[at] === MINUS ? -1 : 0;
  const length = end - at;
  const hours = digits(bytes, at + 1, 2);
  if (sign === 0 || hours < 0 || (length !== 3 && length !== 6)) return undefined;
  if (length === 3) return sign * hours * HOUR_MS;
  const minutes = digits(bytes, at + 4, 2);
  if (bytes[at + 3] !== COLON || minutes < 0) return undefined;
  return sign * (hours * HOUR_MS + minutes * MINUTE_MS);
}
