import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cutter } from '../../../src/wire/content/cutter.ts';

function message(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, 'latin1');
  bytes.writeInt32BE(body.length + 4, 1);
  bytes.write(body, 5, 'latin1');
  return bytes;
}

const MESSAGE = fc.tuple(
  fc.constantFrom('D', 'C', 'Z', 'N'),
  fc.string({ maxLength: 300 }).map((text) => text.replace(/[^\x20-\x7e]/g, '?')),
);

describe('the cutter', () => {
  it('hands out the same messages however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(MESSAGE, { maxLength: 30 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 60 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(([type, body]) => message(type, body)));
          const taken: [string, string][] = [];
          const cutter = new Cutter(
            (type, bytes, start, end) => {
              taken.push([String.fromCharCode(type), bytes.toString('latin1', start, end)]);
              return true;
            },
            () => 1_000,
          );
          let at = 0;
          // What was read is overwritten by what comes next.
          const read = (from: number, to: number) => {
            const chunk = Buffer.from(stream.subarray(from, to));
            cutter.read(chunk);
            chunk.fill(0xff);
          };
          for (const cut of cuts) {
            read(at, at + cut);
            at += cut;
          }
          read(at, stream.length);
          expect(taken).toEqual(messages);
        },
      ),
    );
  });

  it('keeps what comes behind a message that asks to wait, until it may go on', () => {
    const taken: string[] = [];
    const cutter = new Cutter(
      (type) => {
        taken.push(String.fromCharCode(type));
        return type !== 'Z'.charCodeAt(0);
      },
      () => 100,
    );
    cutter.read(
      Buffer.concat([
        message('D', 'x'),
        message('Z', 'I'),
        message('N', 'later'),
        message('C', 'half').subarray(0, 4),
      ]),
    );
    expect(taken).toEqual(['D', 'Z']);
    cutter.read(message('C', 'half').subarray(4));
    expect(taken).toEqual(['D', 'Z']);
    cutter.goOn();
    expect(taken).toEqual(['D', 'Z', 'N', 'C']);
  });

  it.each([
    ['a length below four', [0x44, 0, 0, 0, 3]],
    ['a negative length', [0x44, 0xff, 0xff, 0xff, 0xff]],
    ['a length above the limit', [0x44, 0, 0, 0, 15]],
  ])('refuses %s before the body has come', (_what, head) => {
    const cutter = new Cutter(
      () => true,
      () => 10,
    );
    expect(() => cutter.read(Buffer.from(head))).toThrow(
      expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }),
    );
  });
});
