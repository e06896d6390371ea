import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slabs } from '../../src/wire/lane/slabs.ts';
import { type WireValue, Writer } from '../../src/wire/lane/writer.ts';

/** The parameters of a Bind as a server reads them. */
function boundValues(bytes: Buffer): readonly (string | Buffer | null)[] {
  let at = bytes.indexOf(0, 6) + 1;
  const formats = bytes.readInt16BE(at);
  const binary = (index: number) => formats > 0 && bytes.readInt16BE(at + 2 + 2 * index) === 1;
  let place = at + 2 + 2 * formats;
  const count = bytes.readUInt16BE(place);
  place += 2;
  const values: (string | Buffer | null)[] = [];
  for (let index = 0; index < count; index++) {
    const length = bytes.readInt32BE(place);
    place += 4;
    const value = length < 0 ? null : bytes.subarray(place, place + length);
    values.push(value === null || binary(index) ? value : value.toString('utf8'));
    place += Math.max(0, length);
  }
  at = place + 2;
  expect(bytes.readInt32BE(1)).toBe(at - 1);
  return values;
}

describe('Writer', () => {
  const value = fc.oneof(
    fc.constant(null),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.nat(40).map((length) => 'xy'.repeat(length * 500)),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  );

  it('binds what it was given, whatever the size', () => {
    const writer = new Writer(new Slabs());
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (values: readonly WireValue[]) => {
        writer.bind('name', values);
        expect(boundValues(writer.take())).toEqual(values);
      }),
    );
  });

  it('what was taken does not change afterwards', () => {
    const writer = new Writer(new Slabs());
    writer.parse('a', 'select 1');
    const taken = writer.take();
    const before = taken.toString('latin1');
    for (let n = 0; n < 100; n++) writer.bind('b', ['x'.repeat(1_000)]);
    writer.take();
    expect(taken.toString('latin1')).toBe(before);
  });

  it('has no memory before the first message, nor once all has left the process', () => {
    const slabs = new Slabs();
    const writer = new Writer(slabs);
    expect(writer.holds).toBe(false);
    writer.parse('a', 'select 1');
    writer.giveBack();
    expect(writer.holds).toBe(true);
    const first = writer.take();
    writer.giveBack();
    expect(writer.holds).toBe(false);
    const next = new Writer(slabs);
    next.parse('b', 'select 2');
    expect(next.take().buffer).toBe(first.buffer);
    writer.parse('c', 'select 3');
    expect(writer.take().buffer).not.toBe(first.buffer);
  });

  it('keeps no memory that a long statement needed', () => {
    const writer = new Writer(new Slabs());
    writer.bind('a', ['x'.repeat(100_000)]);
    const long = writer.take();
    writer.giveBack();
    writer.bind('b', []);
    expect(writer.take().buffer).not.toBe(long.buffer);
  });

  it('takes as many values as the protocol can count, and names the number of more', () => {
    const writer = new Writer(new Slabs());
    const values: WireValue[] = new Array(65_535).fill(null);
    writer.bind('most', values);
    expect(boundValues(writer.take())).toHaveLength(65_535);
    expect(() => writer.bind('more', [...values, '1'])).toThrow(
      expect.objectContaining({
        code: 'PGHERD_INVALID_ARGUMENT',
        message: expect.stringMatching(/65536 values.* 65535 at most/),
      }),
    );
    expect(writer.length).toBe(0);
  });
});
