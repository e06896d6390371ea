import { createServer, type Server, type Socket } from 'node:net';
import type { Random } from '../../src/time/port.ts';

/** One message of a server. */
export function message(type: string, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);

const COLUMN = Buffer.concat([
  int16(1),
  Buffer.from('id\0'),
  int32(0),
  int16(0),
  int32(25),
  int16(-1),
  int32(-1),
  int16(0),
]);

function row(id: string): Buffer {
  return message('D', Buffer.concat([int16(1), int32(Buffer.byteLength(id)), Buffer.from(id)]));
}

export const READY = message('Z', 'I');
const FATAL = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating\0\0');
const ERROR = message('E', 'SERROR\0VERROR\0C22012\0Mdivision by zero\0\0');
const GREETING = Buffer.concat([
  message('R', int32(0)),
  message('S', 'server_version\x0018.4\0'),
  message('K', Buffer.concat([int32(1), int32(2)])),
  READY,
]);

/** What a peer does to the messages that it should send. */
export type Mutate = (messages: readonly Buffer[]) => readonly Buffer[];

/**
 * Changes, once in a while, one of the messages: leaves it out, sends it twice, cuts or stretches it, puts another one in its place
 * or before it.
 */
export function mutator(random: Random, rate: number): Mutate {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T;
  const others = (): readonly Buffer[] => [
    READY,
    message('Z', 'T'),
    message('Z', 'x'),
    FATAL,
    ERROR,
    message('1'),
    message('2'),
    message('3'),
    message('n'),
    message('s'),
    message('C', 'SELECT 1\0'),
    message('C', 'no end'),
    message('I'),
    message('T', COLUMN),
    message('T', int16(3)),
    message('t', int16(0)),
    message('D', int16(0)),
    message('D', Buffer.concat([int16(1), int32(1_000)])),
    message('D', Buffer.concat([int16(1), int32(-5)])),
    message('G', Buffer.from([0, 0, 0])),
    message('H', Buffer.from([0, 0, 0])),
    message('d', 'data'),
    message('c'),
    message('N', 'SNOTICE\0Mhay\0\0'),
    message('N', 'no end'),
    message('S', 'x\0y\0'),
    message('S', 'no end'),
    message('A', Buffer.concat([int32(1), Buffer.from('c\0p\0')])),
    message('R', int32(0)),
    message('K', int32(1)),
    message('?', 'what'),
    Buffer.from([0x44, 0, 0, 0, 2]),
    Buffer.from([0x44, 0x7f, 0xff, 0xff, 0xff]),
    Buffer.alloc(12),
  ];
  return (messages) =>
    messages.flatMap((one) => {
      if (random.next() >= rate) return [one];
      switch (Math.floor(random.next() * 6)) {
        case 0:
          return [];
        case 1:
          return [one, one];
        case 2:
          return [pick(others()), one];
        case 3:
          return [pick(others())];
        case 4: {
          // Its length stays as it was: the bytes of others follow.
          return [one.subarray(0, Math.max(1, Math.floor(random.next() * one.length)))];
        }
        default:
          return [one, pick(others())];
      }
    });
}

/** How the bytes of a peer are cut. */
export type Cut = (bytes: Buffer) => readonly Buffer[];

/** A server of this process, which answers each statement with the value that it was sent. */
export class HostilePeer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #mutate: Mutate;
  readonly #cut: Cut;
  /** Syncs that it waits for before it answers all of them at once; `each` answers every Sync and Flush, until the first lie. */
  readonly #syncs: number | 'each';

  constructor(options: { readonly mutate: Mutate; readonly cut: Cut; readonly syncs: number | 'each' }) {
    this.#mutate = options.mutate;
    this.#cut = options.cut;
    this.#syncs = options.syncs;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      this.#serve(socket);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #serve(socket: Socket): void {
    let kept = Buffer.alloc(0);
    let greeted = false;
    const answers: Buffer[] = [];
    const texts = new Map<string, boolean>();
    let value = '';
    let syncs = 0;
    let sending = Promise.resolve();
    socket.on('data', (chunk) => {
      kept = Buffer.concat([kept, chunk]);
      if (!greeted) {
        if (kept.length < 4 || kept.length < kept.readInt32BE(0)) return;
        kept = kept.subarray(kept.readInt32BE(0));
        greeted = true;
        socket.write(GREETING);
      }
      while (kept.length >= 5 && kept.length >= kept.readInt32BE(1) + 1) {
        const end = kept.readInt32BE(1) + 1;
        const type = String.fromCharCode(kept[0] ?? 0);
        const body = kept.subarray(5, end);
        kept = kept.subarray(end);
        if (type === 'B') value = boundValue(body);
        if (type === 'P') texts.set('', true);
        if (type === 'X') socket.end();
        if (type === 'S' || type === 'Q') syncs++;
        answers.push(...answerTo(type, body, value));
        if (this.#syncs !== 'each' || (type !== 'S' && type !== 'H')) continue;
        const honest = Buffer.concat(answers.splice(0));
        const said = Buffer.concat(this.#mutate(cutApart(honest)));
        sending = sending.then(() => this.#answer(socket, said, !said.equals(honest)));
      }
      if (this.#syncs === 'each' || syncs < this.#syncs) return;
      syncs = Number.NEGATIVE_INFINITY;
      void this.#answer(socket, Buffer.concat(this.#mutate(answers)), true);
    });
  }

  async #answer(socket: Socket, bytes: Buffer, isLast: boolean): Promise<void> {
    for (const piece of this.#cut(bytes)) {
      if (socket.destroyed) return;
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
    }
    // What is not answered by now never is: nothing may wait for it any longer than this connection lives.
    if (isLast) socket.end();
  }
}

function cutApart(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32BE(at + 1) + 1)
    messages.push(bytes.subarray(at, at + bytes.readInt32BE(at + 1) + 1));
  return messages;
}

function answerTo(type: string, body: Buffer, value: string): Buffer[] {
  switch (type) {
    case 'P':
      return [message('1')];
    case 'B':
      return [message('2')];
    case 'C':
      return [message('3')];
    case 'D':
      return body[0] === 0x53 ? [message('t', int16(0)), message('T', COLUMN)] : [message('T', COLUMN)];
    case 'E':
      return [row(value), message('C', 'SELECT 1\0')];
    case 'S':
      return [READY];
    default:
      return [];
  }
}

function boundValue(body: Buffer): string {
  let at = body.indexOf(0) + 1;
  at = body.indexOf(0, at) + 1;
  at += 2 + 2 * body.readInt16BE(at);
  if (body.readInt16BE(at) === 0) return '';
  const length = body.readInt32BE(at + 2);
  return body.toString('utf8', at + 6, at + 6 + length);
}

/** Ways to cut what is sent into pieces. */
export const WHOLE: Cut = (bytes) => [bytes];
export const BYTE_BY_BYTE: Cut = (bytes) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));

/** Into pieces of 1 to 60 bytes. */
export function somewhere(random: { next(): number }): Cut {
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(random.next() * 60);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  };
}
