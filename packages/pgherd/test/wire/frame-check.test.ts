import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameCheck } from '../../src/wire/frame-check.ts';

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** An ErrorResponse as a server sends it. */
function report(type: 'E' | 'N', text: string): Buffer {
  return message(type, Buffer.from(`SERROR\0C57P01\0M${text}\0\0`));
}

const bodies = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const plain = fc.tuple(fc.constantFrom('D', 'C', 'Z', 'S', 'T', '1', '2', 'n'), bodies);
const goodMessage = fc.oneof(
  { weight: 4, arbitrary: plain.map(([type, body]) => message(type, body)) },
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((text) => report('E', text)),
  fc.constant(message('D', Buffer.alloc(40_000))),
);
const badMessage = fc.constantFrom(
  message('?', Buffer.from('x')),
  message('E', Buffer.alloc(0)),
  message('N', Buffer.from('SERROR\0Mno end')),
  Buffer.from([0x44, 0, 0, 0, 3, 0, 0]),
  Buffer.from([0x44, 0xff, 0xff, 0xff, 0xff, 0, 0]),
  Buffer.from([0x5a, 0x00, 0x10, 0x00, 0x00, 0, 0]),
);

/** Feeds `bytes` in pieces; gives how many may be parsed, and what was wrong. */
function fed(
  bytes: Buffer,
  sizes: readonly number[],
): { readonly taken: number; readonly complaint: string } {
  const frames = new FrameCheck(true);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const piece = bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    const good = frames.take(piece);
    at += good;
    if (good < piece.length) return { taken: at, complaint: frames.complaint };
  }
  return { taken: at, complaint: frames.complaint };
}

const cuts = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 8 });

describe('frames of a stream', () => {
  it('are all passed on where all are good, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(goodMessage, { maxLength: 30 }), cuts, (messages, sizes) => {
        const bytes = Buffer.concat(messages);
        expect(fed(bytes, sizes)).toEqual({ taken: bytes.length, complaint: '' });
      }),
    );
  });

  it('end before a bad one is whole, wherever it stands and however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(goodMessage, { maxLength: 10 }),
        badMessage,
        fc.array(goodMessage, { maxLength: 3 }),
        cuts,
        (before, bad, after, sizes) => {
          const { taken, complaint } = fed(Buffer.concat([...before, bad, ...after]), sizes);
          const good = Buffer.concat(before).length;
          expect(complaint).not.toBe('');
          expect(taken).toBeGreaterThanOrEqual(good);
          expect(taken).toBeLessThan(good + bad.length);
        },
      ),
    );
  });

  it('tell the severity in English where the server tells it in its own language', () => {
    fc.assert(
      fc.property(fc.constantFrom('E', 'N'), cuts, (type, sizes) => {
        const local = message(type, Buffer.from('SFEHLER\0VERROR\0C57P01\0MVerbindung S beendet V\0\0'));
        const bytes = Buffer.concat([report('N', 'before'), local, message('Z', Buffer.from('I'))]);
        expect(fed(bytes, sizes)).toEqual({ taken: bytes.length, complaint: '' });
        expect(bytes.toString()).toContain('VFEHLER\0SERROR\0C57P01\0MVerbindung S beendet V\0\0');
      }),
    );
  });
});
