import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { readersOf } from '../../../src/wire/content/readers.ts';
import { type Columns, NO_COLUMNS } from '../../../src/wire/content/rows.ts';
import { types } from '../../../src/wire/types.ts';

const OIDS = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float8: 701,
  date: 1082,
  timestamp: 1114,
  timestamptz: 1184,
} as const;

const columnsOf = (...oids: number[]): Columns => ({
  ...NO_COLUMNS,
  fields: oids.map((dataTypeID) => ({
    name: 'v',
    tableID: 0,
    columnID: 0,
    dataTypeID,
    dataTypeSize: 0,
    dataTypeModifier: 0,
    format: 'text',
  })),
});

/** What the reader makes of a text in the midst of other bytes. */
function read(oid: number, text: string): unknown {
  const bytes = Buffer.from(`7-${text}+9`);
  return readersOf(columnsOf(oid), types)[0]?.(bytes, 2, bytes.length - 4);
}

const pad = (n: number, width: number) => String(n).padStart(width, '0');
const between = (min: number, max: number) => fc.integer({ min, max });
const DAY = fc
  .tuple(
    fc.oneof(between(0, 99), between(100, 9_999), between(10_000, 294_276)),
    between(1, 12),
    between(1, 31),
  )
  .map(([year, month, day]) => `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`);
const TIME = fc
  .tuple(
    between(0, 24),
    between(0, 59),
    between(0, 60),
    fc.option(fc.stringMatching(/^[0-9]{1,7}$/), { nil: undefined }),
  )
  .map(([h, m, s, f]) => `${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}${f === undefined ? '' : `.${f}`}`);
const ZONE = fc.oneof(
  fc.tuple(fc.constantFrom('+', '-'), between(0, 15)).map(([sign, h]) => `${sign}${pad(h, 2)}`),
  fc
    .tuple(fc.constantFrom('+', '-'), between(0, 15), between(0, 59))
    .map(([sign, h, m]) => `${sign}${pad(h, 2)}:${pad(m, 2)}`),
  fc.constantFrom('', 'Z', '+00:19:32', ' BC', '+01 BC'),
);
const STAMP = fc.tuple(DAY, TIME, ZONE).map(([day, time, zone]) => `${day} ${time}${zone}`);
const ODD = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom('', 'infinity', '-infinity', '-', '2024', '-0', '+7'),
);

describe('own readers', () => {
  it.each([
    ['int2', fc.oneof(between(-32_768, 32_767).map(String), ODD)],
    ['int4', fc.oneof(fc.integer().map(String), fc.bigInt().map(String), ODD)],
    ['oid', fc.oneof(between(0, 4_294_967_295).map(String), ODD)],
    ['int8', fc.oneof(fc.bigInt().map(String), ODD)],
    ['bool', fc.oneof(fc.constantFrom('t', 'f'), ODD)],
    ['float8', fc.oneof(fc.double().map(String), ODD)],
    ['text', fc.oneof(fc.string({ unit: 'grapheme' }), ODD)],
    ['date', fc.oneof(DAY, ODD)],
    ['timestamp', fc.oneof(STAMP, ODD)],
    ['timestamptz', fc.oneof(STAMP, ODD)],
  ] as const)('%s: what the parser of pg-types gives', (type, texts) => {
    const oid = OIDS[type];
    fc.assert(
      fc.property(texts, (text) => {
        expect(read(oid, text)).toEqual(types.getTypeParser(oid, 'text')(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('take no more than linear time for a text that no server writes', () => {
    for (const oid of [OIDS.date, OIDS.timestamp, OIDS.timestamptz]) {
      expect(() => read(oid, '1'.repeat(1_000_000))).toThrow('is none');
    }
  });
});

describe('the parser of a type', () => {
  const before = types.getTypeParser(OIDS.int4, 'text') as (text: string) => number;
  afterEach(() => types.setTypeParser(OIDS.int4, before));

  it('that an application sets counts from the next statement on, also for known columns', () => {
    const columns = columnsOf(OIDS.int4);
    const bytes = Buffer.from('12');
    expect(readersOf(columns, types)[0]?.(bytes, 0, 2)).toBe(12);
    types.setTypeParser(OIDS.int4, (text) => `<${text}>`);
    expect(readersOf(columns, types)[0]?.(bytes, 0, 2)).toBe('<12>');
    const own = { getTypeParser: () => (text: string) => [text] };
    expect(readersOf(columns, own)[0]?.(bytes, 0, 2)).toEqual(['12']);
  });
});
