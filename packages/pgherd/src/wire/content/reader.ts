import { PgHerdError } from '../../model/errors.ts';

/** A server broke the protocol: what it sent is impossible where it stands. The connection cannot be used any more. */
export function protocolError(sentence: string): PgHerdError {
  return new PgHerdError('PGHERD_PROTOCOL_ERROR', `The server broke PostgreSQL's protocol: ${sentence}.`);
}

/**
 * Reads the body of one message, between `at` and `end` of a chunk, and nothing outside of it.
 * Every method throws `PGHERD_PROTOCOL_ERROR` if the message is too short for what is asked.
 */
export class BodyReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A string up to its zero byte. */
  cstring(): string {
    const stop = this.#bytes.indexOf(0, this.#at);
    if (stop < 0 || stop >= this.#end) throw protocolError('a string has no end within its message');
    const text = this.#bytes.toString('utf8', this.#at, stop);
    this.#at = stop + 1;
    return text;
  }

  /** A copy of the next `length` bytes. */
  bytes(length: number): Buffer {
    const from = this.#take(length);
    return Buffer.from(this.#bytes.subarray(from, from + length));
  }

  /** The message must have been read to its last byte. */
  finish(what: string): void {
    if (this.#at !== this.#end) throw protocolError(`${what} has ${this.#end - this.#at} bytes too many`);
  }

  #take(length: number): number {
    const from = this.#at;
    if (length < 0 || from + length > this.#end)
      throw protocolError('a message is shorter than its contents');
    this.#at = from + length;
    return from;
  }
}
