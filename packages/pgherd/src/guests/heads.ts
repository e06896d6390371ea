import { argumentError } from '../model/errors.ts';
import { nameOfMessage } from '../wire/content/codes.ts';

/** Letter and length of a message. */
const HEAD_BYTES = 5;
const NO_BYTES = Buffer.alloc(0);

/** Query and Parse, whose bodies hold a text. */
const TEXTS: ReadonlySet<number> = new Set([0x51, 0x50]);
/** Texts up to this length are looked at, bytes. */
const MAX_TEXT = 16_384;
/** What begins a COPY, or a command of replication that answers like one. */
const COPIES = /copy|replication|backup/i;

/**
 * Asked at the head of a message whether it may pass. `mayCopy`: it may begin a COPY, as far as its text tells; a long text is not
 * looked at, nor one of which a part has still to come.
 */
export type MayPass = (type: number, mayCopy: boolean) => boolean;

/** What became of a chunk. */
export interface Passed {
  /** Bytes that may go on to the server now. */
  readonly passed: Buffer;
  /** Bytes from the head of a message on that may not pass yet; `undefined` if there are none. */
  readonly held: Buffer | undefined;
}

/**
 * Finds the heads of the messages in the bytes of a guest, and asks at each whether it may pass. Keeps at most four bytes; the
 * bodies pass as they come.
 */
export class Heads {
  /** Bytes of the present message that have not come yet. */
  #left = 0;
  /** The beginning of a head. */
  #part = NO_BYTES;

  /** Whether the bytes taken so far end where a message ends. */
  get atEnd(): boolean {
    return this.#left === 0 && this.#part.length === 0;
  }

  /**
   * Takes a chunk. `mayPass` is called once for each head that passes, and again for the one that is held when it comes anew.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is not PostgreSQL's protocol.
   */
  take(chunk: Buffer, mayPass: MayPass): Passed {
    const bytes = this.#part.length === 0 ? chunk : Buffer.concat([this.#part, chunk]);
    this.#part = NO_BYTES;
    let at = Math.min(this.#left, bytes.length);
    this.#left -= at;
    while (at < bytes.length) {
      if (bytes.length - at < HEAD_BYTES) {
        this.#part = Buffer.from(bytes.subarray(at));
        return { passed: bytes.subarray(0, at), held: undefined };
      }
      const type = bytes[at] ?? 0;
      const length = bytes.readInt32BE(at + 1);
      if (length < 4) {
        throw argumentError(
          `The client on this connection broke PostgreSQL's protocol: its message ${nameOfMessage(type)} claims a length of ${length}.`,
        );
      }
      if (!mayPass(type, TEXTS.has(type) && mayCopy(bytes, at + HEAD_BYTES, at + 1 + length)))
        return { passed: bytes.subarray(0, at), held: bytes.subarray(at) };
      const end = at + 1 + length;
      this.#left = Math.max(0, end - bytes.length);
      at = Math.min(end, bytes.length);
    }
    return { passed: bytes, held: undefined };
  }
}

function mayCopy(bytes: Buffer, start: number, end: number): boolean {
  return end > bytes.length || end - start > MAX_TEXT || COPIES.test(bytes.toString('latin1', start, end));
}
