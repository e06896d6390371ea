import { nameOfMessage } from './codes.ts';
import { protocolError } from './reader.ts';

/** Letter and length of a message. */
const HEAD_BYTES = 5;

/**
 * Takes one message, whose body lies between `start` and `end`. Returns whether those behind it may be taken at once; `false` keeps
 * them until {@link Cutter.goOn}.
 */
export type TakeMessage = (type: number, bytes: Buffer, start: number, end: number) => boolean;

/**
 * Cuts a stream of bytes into messages. A chunk is looked at during the call only. What is incomplete at the end of a chunk is kept until the rest has come; a long message is
 * put together once, not anew with each chunk.
 */
export class Cutter {
  /** May be replaced, between two messages: the login hands over to the statements. */
  take: TakeMessage;
  /** Longest body of a message of this type, bytes. */
  limitOf: (type: number) => number;
  #parts: Buffer[] = [];
  #kept = 0;
  /** Bytes that are needed before it is worth looking again. */
  #wanted = HEAD_BYTES;
  #waits = false;

  constructor(take: TakeMessage, limitOf: (type: number) => number) {
    this.take = take;
    this.limitOf = limitOf;
  }

  /**
   * Hands out the messages of a chunk.
   * @throws PgHerdError `PGHERD_PROTOCOL_ERROR` for a length that is impossible or above the limit, and what `take` throws.
   */
  read(chunk: Buffer): void {
    const bytes = this.#joined(chunk);
    if (bytes === undefined || this.#waits) {
      if (bytes !== undefined) this.#keep(bytes, 0, HEAD_BYTES);
      return;
    }
    this.#cut(bytes);
  }

  /** Hands out what was kept since `take` asked to wait. */
  goOn(): void {
    if (!this.#waits) return;
    this.#waits = false;
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts, this.#kept);
    this.#parts = [];
    this.#kept = 0;
    if (bytes !== undefined && bytes.length > 0) this.#cut(bytes);
  }

  #cut(bytes: Buffer): void {
    let at = 0;
    while (at + HEAD_BYTES <= bytes.length) {
      const type = bytes[at] ?? 0;
      const length = bytes.readInt32BE(at + 1);
      if (length < 4 || length - 4 > this.limitOf(type)) throw wrongLength(type, length, this.limitOf(type));
      const end = at + 1 + length;
      if (end > bytes.length) {
        this.#keep(bytes, at, end - at);
        return;
      }
      at += HEAD_BYTES;
      const goesOn = this.take(type, bytes, at, end);
      at = end;
      if (!goesOn) {
        this.#waits = true;
        break;
      }
    }
    if (at < bytes.length) this.#keep(bytes, at, HEAD_BYTES);
  }

  #joined(chunk: Buffer): Buffer | undefined {
    if (this.#kept === 0) return chunk;
    this.#parts.push(Buffer.from(chunk));
    this.#kept += chunk.length;
    if (this.#kept < this.#wanted) return undefined;
    const joined = Buffer.concat(this.#parts, this.#kept);
    this.#parts = [];
    this.#kept = 0;
    return joined;
  }

  #keep(bytes: Buffer, at: number, wanted: number): void {
    // The bytes may be overwritten by the next read.
    this.#parts = [Buffer.from(bytes.subarray(at))];
    this.#kept = bytes.length - at;
    this.#wanted = wanted;
  }
}

function wrongLength(type: number, length: number, limit: number): Error {
  const name = nameOfMessage(type);
  return length < 4
    ? protocolError(`the message ${name} claims a length of ${length}`)
    : protocolError(`the message ${name} claims ${length - 4} bytes, and ${limit} are the limit`);
}
