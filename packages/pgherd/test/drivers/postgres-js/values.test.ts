import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARSERS, parseArray, parseDate } from '../../../src/drivers/postgres-js/types.ts';
import { ParameterText, parameterOf, parametersOf } from '../../../src/drivers/postgres-js/values.ts';

/** What `pg` makes of a text of a type. */
function pgParse(oid: number, text: string): unknown {
  return pg.types.getTypeParser(oid, 'text')(text);
}

/** What `pg` makes of a parameter, as text. */
function pgText(value: unknown): string | null {
  const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;
  const prepared = prepareValue(value);
  return Buffer.isBuffer(prepared) ? `\\x${prepared.toString('hex')}` : (prepared as string | null);
}

function ourText(value: unknown): string | null {
  return parameterOf(value)?.text ?? null;
}

const zone = process.env['TZ'];

// Half an hour off, with daylight saving: what works here works in UTC.
beforeAll(() => {
  process.env['TZ'] = 'America/St_Johns';
});

afterAll(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

describe('results of postgres.js', () => {
  it.each([
    [
      1082,
      ['2024-02-29', '0001-01-01', '0044-03-15 BC', '0001-12-31 BC', '12024-05-06', 'infinity', '-infinity'],
    ],
    [
      1114,
      [
        '2024-07-02 03:04:05',
        '2024-07-02 03:04:05.678901',
        '0099-01-01 00:00:00',
        '2024-03-10 02:30:00',
        'infinity',
      ],
    ],
    [
      1184,
      [
        '2024-07-02 03:04:05+00',
        '2024-07-02 03:04:05.1-03:30',
        '1890-01-01 00:00:00-03:30:52',
        '0044-03-15 12:00:00+00 BC',
        '-infinity',
      ],
    ],
    [17, ['\\x', '\\x00ff10', 'plain\\\\text\\000\\377']],
    [1000, ['{}', '{t,f,NULL}']],
    [1007, ['{1,2,NULL}', '{{1,2},{3,4}}', '[0:2]={7,8,9}']],
    [1009, ['{}', '{a,"b c",NULL,"NULL","","q\\"uo\\\\te"}', '{"{x}","a,b"}', '{{a},{"b}"}}']],
    [1016, ['{9223372036854775807,1}']],
    [1022, ['{1.5,NaN,Infinity,-Infinity}']],
    [1231, ['{1.5,NULL}']],
    [1182, ['{2024-02-29,infinity}']],
    [1185, ['{"2024-07-02 03:04:05+00"}']],
    [3807, ['{"{\\"a\\": [1]}",null,NULL}']],
    [1001, ['{"\\\\x00ff"}']],
  ])('type %i reads as with pg', (oid, texts) => {
    for (const text of texts) expect(PARSERS[oid]?.(text), text).toEqual(pgParse(oid, text));
  });

  it('any moment reads as with pg', () => {
    const options = { min: new Date('1800-01-01'), max: new Date('2200-01-01'), noInvalidDate: true };
    fc.assert(
      fc.property(fc.date(options), (date) => {
        const text = date.toISOString().replace('T', ' ').replace('Z', '');
        expect(parseDate(text)).toEqual(pgParse(1114, text));
        expect(parseDate(`${text}+05:45`)).toEqual(pgParse(1184, `${text}+05:45`));
        expect(parseDate(text.slice(0, 10))).toEqual(pgParse(1082, text.slice(0, 10)));
      }),
    );
  });

  it('what arrays are written as reads back', () => {
    const element = fc.oneof(
      fc.string(),
      fc.constant(null),
      fc.constantFrom('NULL', '{', '}', '"', '\\', ','),
    );
    fc.assert(
      fc.property(fc.array(element), (values) => {
        expect(parseArray(ourText(values) ?? '', (text) => text)).toEqual(values);
      }),
    );
  });
});

describe('parameters of postgres.js', () => {
  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a number', -1.5],
    ['a bigint', 9_223_372_036_854_775_807n],
    ['a boolean', false],
    ['a string', 'it\'s "text"'],
    ['a Buffer', Buffer.from([0, 255])],
    ['bytes', new Uint8Array([1, 2, 3]).subarray(1)],
    ['a date', new Date(Date.UTC(2024, 6, 2, 3, 4, 5, 6))],
    ['a date before Christ', new Date(Date.UTC(-43, 2, 15))],
    ['an object', { deep: [1, null], text: '"' }],
    ['an object that converts itself', { toPostgres: (convert: (value: unknown) => unknown) => convert(7) }],
  ])('%s goes as with pg', (_what, value) => {
    expect(ourText(value)).toBe(pgText(value));
  });

  it.each([
    ['text', ['a', 'b "c"', null, 'back\\slash']],
    ['nothing', []],
    [
      'numbers in two dimensions',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['objects', [{ a: 1 }, { b: '"' }]],
    ['dates', [new Date(Date.UTC(2024, 0, 1))]],
  ])('an array of %s means the same as with pg', (_what, values) => {
    const read = (text: string | null) => parseArray(text ?? '', (element) => element);
    expect(read(ourText(values))).toEqual(read(pgText(values)));
  });

  it('is a coded error where a value has no text, and where there are too many', () => {
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    expect(() => parametersOf([circular])).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' }),
    );
    expect(() => parametersOf(Array(65_534).fill(1))).toThrow(/65533 are the most/);
    expect(parametersOf(Array(65_533).fill(1))).toHaveLength(65_533);
  });

  it('is text also for what would print it', () => {
    expect(String(new ParameterText('x'))).toBe('x');
  });
});
