import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wireValues } from '../../../src/wire/content/values.ts';

const { prepareValue } = createRequire(import.meta.url)('pg/lib/utils') as {
  prepareValue(value: unknown): unknown;
};

const SCALAR = fc.oneof(
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);
const VALUE = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    SCALAR,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), SCALAR, { maxKeys: 3 }),
  ),
})).value;

const asBytes = (value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value) : value);

describe('values on the wire', () => {
  it('are those of node-postgres', () => {
    fc.assert(
      fc.property(
        VALUE.filter((value) => !hasBigIntInJson(value)),
        (value) => {
          expect(asBytes(wireValues([value])[0])).toEqual(asBytes(prepareValue(value)) ?? null);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('of years before Christ and of odd offsets are too', () => {
    for (const date of [
      new Date(-62_198_755_200_000),
      new Date(-100_000_000_000_000),
      new Date(0),
      new Date(8.64e15),
    ])
      expect(wireValues([date])[0]).toBe(prepareValue(date));
  });

  it('an object gives its own form by toPostgres, nested', () => {
    const inner = { toPostgres: () => 7 };
    const outer = { toPostgres: (prepare: (value: unknown) => unknown) => prepare([inner, 'a"b']) };
    expect(wireValues([outer])).toEqual(['{"7","a\\"b"}']);
    expect(wireValues([{ toPostgres: () => undefined }])).toEqual([null]);
  });

  it('an ArrayBuffer is bytes', () => {
    expect(wireValues([new Uint8Array([1, 2]).buffer])).toEqual([new Uint8Array([1, 2])]);
  });

  const circle: unknown[] = [];
  circle.push(circle);
  const round: Record<string, unknown> = {};
  round['self'] = round;
  const self: Record<string, unknown> = { toPostgres: () => self };
  it.each([
    ['a function', () => 1, /a function is no value/],
    ['a symbol', Symbol('x'), /a symbol is no value/],
    ['a Map', new Map([[1, 2]]), /a Map has no form/],
    ['a Set', new Set([1]), /a Set has no form/],
    ['a promise', Promise.resolve(1), /await it first/],
    ['an invalid Date', new Date(Number.NaN), /invalid Date/],
    ['an array that contains itself', circle, /contains itself/],
    ['a form that leads to itself', self, /leads back to itself/],
    ['a function within an array', [[() => 1]], /a function is no value/],
    ['an object that contains itself', round, /circular/],
  ])('refuses %s, and says which value it was', (_what, value, message) => {
    const attempt = () => wireValues(['first', value]);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/\$2/);
    expect(attempt).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }));
  });
});

/** JSON has no bigint: both refuse it. */
function hasBigIntInJson(value: unknown): boolean {
  try {
    prepareValue(value);
    return false;
  } catch {
    return true;
  }
}
