import { describe, expect, it } from 'vitest';
import { areSteady } from '../../../src/wire/content/steady.ts';

const OIDS = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int4: 23,
  text: 25,
  json: 114,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
  'int4[]': 1007,
  'a type of the application': 70_000,
} as const;
type TypeName = keyof typeof OIDS;

const ID = '0191d7a0-6c3e-7b5a-9f10-1a2b3c4d5e6f';

describe('a value that means the same whatever type its parameter gets', () => {
  const rows: readonly (readonly [TypeName, readonly unknown[], readonly unknown[]])[] = [
    ['int4', [1, -7, 0, '12', null, undefined], ['07', '+1', ' 1', '-0', '', 'x']],
    ['int8', [1, 9_007_199_254_740_991n, '900719925474099100'], [2 ** 53, '0x1f']],
    ['numeric', [1, 10n, '12'], [1.5, '12.50', 1e21, 1e-7, Number.NaN, '1e3', '.5', '01.5']],
    ['float8', [1, -3, 1e14], [0.1, 1e15, '1', Number.POSITIVE_INFINITY]],
    ['float4', [], [1, 0.1, '1']],
    ['bool', [true, false, 'true'], ['t', 'yes', 1]],
    ['text', ['', 'ab  ', 1, 0.1, 5n, true], [new Date(), { a: 1 }]],
    ['varchar', ['ab  '], [Buffer.from('a')]],
    ['bpchar', ['ab'], ['ab ']],
    ['uuid', [ID], [ID.toUpperCase(), `{${ID}}`, 'x']],
    ['json', ['{"a":1}', { a: 1 }], []],
    ['jsonb', [], ['{"a":1}', { a: 1 }]],
    ['date', [], ['2024-07-01', new Date()]],
    ['timestamptz', [], [new Date(), '2024-07-01T00:00:00Z']],
    ['bytea', [], [Buffer.from('a'), new ArrayBuffer(1)]],
    ['int4[]', [], [[1], [], '{1}']],
    ['a type of the application', [null], ['happy', 1]],
  ];
  it.each(rows)('%s', (type, steady, others) => {
    const isSteady = (value: unknown) => areSteady([value], [OIDS[type]]);
    expect(steady.filter((value) => !isSteady(value))).toEqual([]);
    expect(others.filter(isSteady)).toEqual([]);
  });

  it('is asked of each, and a parameter whose type is not known is of none', () => {
    expect(areSteady(undefined, [])).toBe(true);
    expect(areSteady([1, 'a'], [OIDS.int4, OIDS.text])).toBe(true);
    expect(areSteady([1, 'a'], [OIDS.int4, OIDS.int4])).toBe(false);
    expect(areSteady([1, 'a'], [OIDS.int4])).toBe(false);
  });
});
