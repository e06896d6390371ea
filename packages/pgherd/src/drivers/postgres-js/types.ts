import { arrayText, ParameterText } from './values.ts';

/** Makes a value of a column's text. */
export type TextParser = (text: string) => unknown;

const OID = Object.freeze({
  bool: 16,
  bytea: 17,
  json: 114,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
  jsonb: 3802,
});

const DATE_TIME = /^(\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(\.\d+)?([+-]\d\d(?::\d\d){0,2})?)?( BC)?$/;

/**
 * A date, with or without time, as `pg` gives it: in local time unless the text names an offset. `infinity`
 * is a number, and what is not a date in the ISO style is `null`.
 */
export function parseDate(text: string): Date | number | null {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const match = DATE_TIME.exec(text);
  if (match === null) return null;
  const [, years = '', month = '', day = '', hour = '0', minute = '0', second = '0', fraction, zone, bc] =
    match;
  const year = bc === undefined ? Number(years) : 1 - Number(years);
  const ms = fraction === undefined ? 0 : Math.trunc(1000 * Number(fraction));
  const date = new Date(0);
  if (zone === undefined) {
    date.setFullYear(year, Number(month) - 1, Number(day));
    date.setHours(Number(hour), Number(minute), Number(second), ms);
    return date;
  }
  date.setUTCFullYear(year, Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second), ms);
  date.setTime(date.getTime() - offsetMs(zone));
  return date;
}

function offsetMs(zone: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = zone.slice(1).split(':').map(Number);
  return (zone.startsWith('-') ? -1000 : 1000) * (hours * 3600 + minutes * 60 + seconds);
}

/** Bytes, in the server's form `hex` or, for old programs, `escape`. */
export function parseBytea(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex');
  const bytes = text.replace(/\\(\\|[0-7]{3})/g, (_match, escaped: string) =>
    escaped === '\\' ? '\\' : String.fromCharCode(Number.parseInt(escaped, 8)),
  );
  return Buffer.from(bytes, 'latin1');
}

/** An array literal of any dimension; elements that are not NULL go through `parse`. */
export function parseArray(text: string, parse: TextParser): unknown[] {
  // A lower bound that is not 1 stands in front: [0:2]={1,2,3}.
  const start = text.indexOf('{');
  const parser = new ArrayLiteral(text, start, parse);
  return parser.list();
}

class ArrayLiteral {
  readonly #text: string;
  readonly #parse: TextParser;
  #at: number;

  constructor(text: string, at: number, parse: TextParser) {
    this.#text = text;
    this.#at = at;
    this.#parse = parse;
  }

  list(): unknown[] {
    const values: unknown[] = [];
    this.#at += 1;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '}') {
      values.push(this.#element());
      if (this.#text[this.#at] === ',') this.#at += 1;
    }
    this.#at += 1;
    return values;
  }

  #element(): unknown {
    const first = this.#text[this.#at];
    if (first === '{') return this.list();
    if (first === '"') return this.#parse(this.#quoted());
    const end = this.#endOfBare();
    const bare = this.#text.slice(this.#at, end);
    this.#at = end;
    return bare === 'NULL' ? null : this.#parse(bare);
  }

  #endOfBare(): number {
    let end = this.#at;
    while (end < this.#text.length && this.#text[end] !== ',' && this.#text[end] !== '}') end += 1;
    return end;
  }

  #quoted(): string {
    let value = '';
    let from = ++this.#at;
    for (; this.#at < this.#text.length && this.#text[this.#at] !== '"'; this.#at += 1) {
      if (this.#text[this.#at] !== '\\') continue;
      value += this.#text.slice(from, this.#at);
      from = ++this.#at;
    }
    value += this.#text.slice(from, this.#at);
    this.#at += 1;
    return value;
  }
}

const asText: TextParser = (text) => text;

/**
 * Types whose arrays `pg` makes arrays of, by the OID of the array: the element's OID, and how `pg` reads it.
 */
const ARRAYS: readonly (readonly [array: number, element: number, parse: TextParser])[] = [
  [1000, OID.bool, (text) => text === 't'],
  [1001, OID.bytea, parseBytea],
  [1005, 21, Number],
  [1007, 23, Number],
  [1016, 20, asText],
  [1021, 700, Number],
  [1022, 701, Number],
  [1028, 26, Number],
  // Elements of numeric[] are numbers in `pg`, although a numeric by itself is text.
  [1231, 1700, Number],
  [1115, OID.timestamp, parseDate],
  [1182, OID.date, parseDate],
  [1185, OID.timestamptz, parseDate],
  [199, OID.json, JSON.parse],
  [3807, OID.jsonb, JSON.parse],
  [651, 650, asText],
  [791, 790, asText],
  [1008, 24, asText],
  [1009, 25, asText],
  [1014, 1042, asText],
  [1015, 1043, asText],
  [1040, 829, asText],
  [1041, 869, asText],
  [1183, 1083, asText],
  [1270, 1266, asText],
  [2951, 2950, asText],
  [3907, 3906, asText],
];

/** Parsers by which results are those of `pg`, by OID; for all others postgres.js and `pg` agree. */
export const PARSERS: Readonly<Record<number, TextParser>> = Object.freeze({
  [OID.bytea]: parseBytea,
  [OID.date]: parseDate,
  [OID.timestamp]: parseDate,
  [OID.timestamptz]: parseDate,
  ...Object.fromEntries(
    ARRAYS.map(([array, _element, parse]) => [array, (text: string) => parseArray(text, parse)]),
  ),
});

/** The array's OID by that of its element, for `sql.array`; postgres.js would ask the server. */
export const ARRAY_OF: Readonly<Record<number, number>> = Object.freeze(
  Object.fromEntries(ARRAYS.map(([array, element]) => [element, array])),
);

/** Serializers for arrays in tags, by OID; postgres.js would ask the server which types are arrays. */
export const ARRAY_SERIALIZERS: Readonly<Record<number, (value: unknown) => unknown>> = Object.freeze(
  Object.fromEntries(
    ARRAYS.map(([array]) => [array, (value: unknown) => (Array.isArray(value) ? arrayText(value) : value)]),
  ),
);

/** What is a text already stays what it is; all else is the serializer's. */
export function sparingTexts(serialize: (value: unknown) => unknown): (value: unknown) => unknown {
  return (value) => (value instanceof ParameterText ? value.text : serialize(value));
}
