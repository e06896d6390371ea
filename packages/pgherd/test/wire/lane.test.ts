import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaneFrames } from '../../src/wire/lane-frames.ts';
import { LaneWriter, type WireValue } from '../../src/wire/writer.ts';

interface Message {
  readonly type: string;
  readonly body: string;
}

/** Messages of a stream, however it is cut. */
function messagesOf(chunks: readonly Buffer[], keep: (message: Message) => boolean = () => true) {
  const messages: Message[] = [];
  const rest: Buffer[] = [];
  let active = true;
  const frames = new LaneFrames((type, bytes, start, end) => {
    const message = { type: String.fromCharCode(type), body: bytes.toString('latin1', start, end) };
    messages.push(message);
    active = keep(message);
    return active;
  });
  for (const chunk of chunks) {
    const left = active ? frames.read(chunk) : chunk;
    if (left !== undefined) rest.push(left);
  }
  return { messages, rest: Buffer.concat(rest).toString('latin1') };
}

function bytesOf({ type, body }: Message): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 'latin1');
  bytes.writeInt32BE(4 + body.length, 1);
  bytes.write(body, 5, 'latin1');
  return bytes;
}

const message = fc.record({
  type: fc.constantFrom('D', 'C', 'Z', '2', 'T'),
  body: fc.string({ unit: fc.constantFrom('a', 'b', '\0'), maxLength: 60 }),
});

/** Cuts `bytes` at the places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe('LaneFrames', () => {
  it('finds the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(fc.nat(2_000), { maxLength: 30 }),
        (all, places) => {
          const bytes = Buffer.concat(all.map(bytesOf));
          expect(messagesOf(cut(bytes, places)).messages).toEqual(all);
        },
      ),
    );
  });

  it('gives back what lies behind the last message that was wanted', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(fc.nat(2_000), { maxLength: 30 }),
        (all, places) => {
          const bytes = Buffer.concat(
            [...all, { type: 'Z', body: 'I' }, { type: 'S', body: 'a\0b\0' }].map(bytesOf),
          );
          const { messages, rest } = messagesOf(cut(bytes, places), ({ type }) => type !== 'Z');
          const last = all.findIndex(({ type }) => type === 'Z');
          expect(messages).toHaveLength(last < 0 ? all.length + 1 : last + 1);
          expect(messages.map(bytesOf).reduce((sum, one) => sum + one.length, 0) + rest.length).toBe(
            bytes.length,
          );
        },
      ),
    );
  });

  it('refuses a length that no message can have', () => {
    expect(() => messagesOf([Buffer.from([0x44, 0, 0, 0, 3, 0])])).toThrow('claims to be 3 bytes');
    expect(() => messagesOf([Buffer.from([0x44, 0x7f, 0, 0, 3, 0])])).toThrow('claims to be');
  });
});

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

describe('LaneWriter', () => {
  const value = fc.oneof(
    fc.constant(null),
    fc.string({ unit: 'grapheme', maxLength: 80 }),
    fc.nat(40).map((length) => 'xy'.repeat(length * 500)),
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  );

  it('binds what it was given, whatever the size', () => {
    const writer = new LaneWriter();
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (values: readonly WireValue[]) => {
        writer.bind('name', values);
        expect(boundValues(writer.take())).toEqual(values);
      }),
    );
  });

  it('what was taken does not change afterwards', () => {
    const writer = new LaneWriter();
    writer.parse('a', 'select 1');
    const taken = writer.take();
    const before = taken.toString('latin1');
    for (let n = 0; n < 100; n++) writer.bind('b', ['x'.repeat(1_000)]);
    writer.take();
    expect(taken.toString('latin1')).toBe(before);
  });

  it('has no memory before the first message, nor once all has left the process', () => {
    const writer = new LaneWriter();
    expect(writer.holds).toBe(false);
    writer.parse('a', 'select 1');
    writer.giveBack();
    expect(writer.holds).toBe(true);
    const first = writer.take();
    writer.giveBack();
    expect(writer.holds).toBe(false);
    const next = new LaneWriter();
    next.parse('b', 'select 2');
    expect(next.take().buffer).toBe(first.buffer);
    writer.parse('c', 'select 3');
    expect(writer.take().buffer).not.toBe(first.buffer);
  });

  it('keeps no memory that a long statement needed', () => {
    const writer = new LaneWriter();
    writer.bind('a', ['x'.repeat(100_000)]);
    const long = writer.take();
    writer.giveBack();
    writer.bind('b', []);
    expect(writer.take().buffer).not.toBe(long.buffer);
  });

  it('takes as many values as the protocol can count, and names the number of more', () => {
    const writer = new LaneWriter();
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
