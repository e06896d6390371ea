import { HEAD_BYTES, impossibleLength, int32At, isPossibleLength } from './messages.ts';

/**
 * Takes one message: where its body begins and ends in `bytes`. Returns whether the next one is wanted as
 * well.
 */
export type TakeMessage = (type: number, bytes: Buffer, start: number, end: number) => boolean;

/**
 * Cuts a stream into messages. What is incomplete at the end of a chunk is kept until the rest of it has
 * come; a long message is put together once, not anew with each chunk.
 */
export class Frames {
  readonly #take: TakeMessage;
  readonly #isSkipped: ((type: number) => boolean) | undefined;
  #parts: Buffer[] = [];
  #kept = 0;
  /** Bytes that are needed before it is worth looking again. */
  #wanted = HEAD_BYTES;
  /** Bytes still to come of a message that is skipped. */
  #skip = 0;

  /**
   * A message of a type that `isSkipped` names is never kept: it is taken only if one chunk holds the whole
   * of it.
   */
  constructor(take: TakeMessage, isSkipped?: (type: number) => boolean) {
    this.#take = take;
    this.#isSkipped = isSkipped;
  }

  /**
   * Hands out the messages of a chunk; returns the bytes behind the last one that was wanted.
   * @throws Error for a length that no message of its type can have.
   */
  read(chunk: Buffer): Buffer | undefined {
    const bytes = this.#joined(chunk);
    if (bytes === undefined) return undefined;
    let at = 0;
    while (at + HEAD_BYTES <= bytes.length) {
      const type = bytes[at] ?? 0;
      const length = int32At(bytes, at + 1);
      if (!isPossibleLength(type, length)) throw new Error(impossibleLength(type, length));
      const end = at + 1 + length;
      if (end > bytes.length) {
        this.#keep(bytes, at, end - at);
        return undefined;
      }
      const goesOn = this.#take(type, bytes, at + HEAD_BYTES, end);
      at = end;
      if (!goesOn) return at < bytes.length ? bytes.subarray(at) : undefined;
    }
    if (at < bytes.length) this.#keep(bytes, at, HEAD_BYTES);
    return undefined;
  }

  #joined(chunk: Buffer): Buffer | undefined {
    if (this.#skip > 0) return this.#afterSkipped(chunk);
    if (this.#kept === 0) return chunk;
    this.#parts.push(chunk);
    this.#kept += chunk.length;
    if (this.#kept < this.#wanted) return undefined;
    const joined = Buffer.concat(this.#parts, this.#kept);
    this.#parts = [];
    this.#kept = 0;
    return joined;
  }

  #afterSkipped(chunk: Buffer): Buffer | undefined {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    return skipped < chunk.length ? chunk.subarray(skipped) : undefined;
  }

  #keep(bytes: Buffer, at: number, wanted: number): void {
    const left = bytes.length - at;
    if (left >= HEAD_BYTES && this.#isSkipped?.(bytes[at] ?? 0) === true) {
      this.#skip = wanted - left;
      return;
    }
    this.#parts = [bytes.subarray(at)];
    this.#kept = left;
    this.#wanted = wanted;
  }
}
