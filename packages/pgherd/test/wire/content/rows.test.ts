import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readersOf } from '../../../src/wire/content/readers.ts';
import { isWholeRow, readArray, readColumns, readRow } from '../../../src/wire/content/rows.ts';
import { readTag } from '../../../src/wire/content/tag.ts';

const TEXT = { getTypeParser: () => (text: string) => text };

function description(...names: string[]): Buffer {
  const parts: Buffer[] = [Buffer.from([names.length >> 8, names.length & 0xff])];
  for (const name of names) {
    const rest = Buffer.alloc(18);
    rest.writeUInt32BE(4_000_000_000, 0);
    rest.writeInt16BE(-1, 4);
    rest.writeUInt32BE(25, 6);
    parts.push(Buffer.from(`${name}\0`), rest);
  }
  return Buffer.concat(parts);
}

function row(values: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.from([values.length >> 8, values.length & 0xff])];
  for (const value of values) {
    const length = Buffer.alloc(4);
    const bytes = Buffer.from(value ?? '');
    length.writeInt32BE(value === null ? -1 : bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** The body in the middle of other bytes, which must not be read. */
function within(body: Buffer): { bytes: Buffer; start: number; end: number } {
  const bytes = Buffer.concat([Buffer.alloc(7, 0x41), body, Buffer.alloc(7, 0x42)]);
  return { bytes, start: 7, end: 7 + body.length };
}

function columnsOf(...names: string[]) {
  const { bytes, start, end } = within(description(...names));
  return readColumns(bytes, start, end);
}

describe('rows', () => {
  it('are read by name and by place, null as null', () => {
    const columns = columnsOf('a', 'b', '__proto__');
    const { bytes, start } = within(row(['x', null, 'é "1"']));
    const parsers = readersOf(columns, TEXT);
    const read = readRow(bytes, start, columns, parsers);
    expect(Object.entries(read)).toEqual([
      ['a', 'x'],
      ['b', null],
      ['__proto__', 'é "1"'],
    ]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(readArray(bytes, start, parsers)).toEqual(['x', null, 'é "1"']);
    expect(columns.fields[0]).toMatchObject({
      tableID: 4_000_000_000,
      columnID: -1,
      dataTypeID: 25,
      format: 'text',
    });
  });

  it('of two columns with one name the last counts, also if it is null', () => {
    const columns = columnsOf('n', 'n');
    for (const [values, n] of [
      [['1', null], null],
      [[null, '2'], '2'],
      [['1', '2'], '2'],
    ] as const) {
      const { bytes, start } = within(row(values));
      expect(readRow(bytes, start, columns, readersOf(columns, TEXT))).toEqual({ n });
    }
  });

  it('are whole only with as many values as columns, each within its message, and nothing behind', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string(), { nil: null }), { maxLength: 8 }), (values) => {
        const body = row(values);
        const { bytes, start, end } = within(body);
        expect(isWholeRow(bytes, start, end, values.length)).toBe(true);
        expect(isWholeRow(bytes, start, end, values.length + 1)).toBe(false);
        for (const wrong of [-2, -1, 1, 2])
          expect(isWholeRow(bytes, start, end + wrong, values.length)).toBe(false);
      }),
    );
  });

  it('are never read past their message, whatever bytes they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat({ max: 6 }), (body, count) => {
        const { bytes, start, end } = within(Buffer.from(body));
        if (!isWholeRow(bytes, start, end, count)) return;
        const columns = columnsOf(...Array.from({ length: count }, (_, index) => `c${index}`));
        const text = readArray(bytes, start, readersOf(columns, TEXT)).join('');
        expect(text.includes('BBB')).toBe(Buffer.from(body).includes('BBB'));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['a count that is too high', Buffer.concat([Buffer.from([0, 2]), description('a').subarray(2)])],
    ['bytes behind the last column', Buffer.concat([description('a'), Buffer.from([0])])],
    ['a name without its end', description('a').subarray(0, 3)],
    ['nothing', Buffer.alloc(0)],
    ['a column in binary', Buffer.concat([description('a').subarray(0, -1), Buffer.from([1])])],
  ])('a description with %s is refused', (_what, body) => {
    const { bytes, start, end } = within(body);
    expect(() => readColumns(bytes, start, end)).toThrow(
      expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }),
    );
  });
});

describe('tags', () => {
  it.each([
    ['SELECT 5', 'SELECT', 5],
    ['INSERT 0 1', 'INSERT', 1],
    ['UPDATE 0', 'UPDATE', 0],
    ['CREATE TABLE', 'CREATE', null],
    ['BEGIN', 'BEGIN', null],
    ['COPY 10000000000', 'COPY', 10_000_000_000],
    ['', '', null],
    ['SELECT ', 'SELECT', null],
  ])('%s', (tag, command, rowCount) => {
    expect(readTag(tag)).toEqual({ command, rowCount });
  });
});
