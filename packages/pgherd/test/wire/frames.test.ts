import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames } from '../../src/wire/frames.ts';

interface Message {
  readonly type: string;
  readonly body: string;
}

/** Messages of a stream, however it is cut. */
function messagesOf(chunks: readonly Buffer[], keep: (message: Message) => boolean = () => true) {
  const messages: Message[] = [];
  const rest: Buffer[] = [];
  let active = true;
  const frames = new Frames((type, bytes, start, end) => {
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

describe('Frames', () => {
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

  it('keeps nothing of a message that is skipped', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(fc.nat(2_000), { maxLength: 30 }),
        (all, places) => {
          const taken: string[] = [];
          const frames = new Frames(
            (type) => {
              taken.push(String.fromCharCode(type));
              return true;
            },
            (type) => type === 0x44,
          );
          for (const chunk of cut(Buffer.concat(all.map(bytesOf)), places)) frames.read(chunk);
          const others = (types: readonly string[]) => types.filter((type) => type !== 'D');
          expect(others(taken)).toEqual(others(all.map(({ type }) => type)));
        },
      ),
    );
  });

  it('refuses a length that no message of its type can have', () => {
    expect(() => messagesOf([Buffer.from([0x5a, 0, 1, 0, 0, 0])])).toThrow(
      'type "Z" claims to be 65536 bytes',
    );
  });
});
