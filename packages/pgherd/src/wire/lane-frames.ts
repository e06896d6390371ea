/** Bytes of a message's head: its type, and its length without the type. */
const HEAD_BYTES = 5;
/** No message of PostgreSQL is longer than what it can allocate at once. */
const MAX_BYTES = 0x3fff_ffff;

/** Takes one message: where its body begins and ends in `bytes`. Says whether those that follow are for it as well. */
export type TakeMessage = (type: number, bytes: Buffer, start: number, end: number) => boolean;

/**
 * Cuts a stream into messages. What is incomplete at the end of a chunk is kept until the rest of it came; a long
 * message is put together once, not anew with each chunk.
 */
export class LaneFrames {
  readonly #take: TakeMessage;
  #parts: Buffer[] = [];
  #kept = 0;
  /** Bytes that are needed before it is worth looking again. */
  #wanted = HEAD_BYTES;

  constructor(take: TakeMessage) {
    this.#take = take;
  }

  /**
   * Hands out the messages of a chunk; gives what lies behind the last one that was wanted.
   * @throws Error for a length that no message of PostgreSQL can have.
   */
  read(chunk: Buffer): Buffer | undefined {
    const bytes = this.#joined(chunk);
    if (bytes === undefined) return undefined;
    let at = 0;
    while (at + HEAD_BYTES <= bytes.length) {
      const length = bytes.readInt32BE(at + 1);
      if (length < 4 || length > MAX_BYTES) throw new Error(`a message claims to be ${length} bytes long`);
      const end = at + 1 + length;
      if (end > bytes.length) {
        this.#keep(bytes, at, end - at);
        return undefined;
      }
      const type = bytes[at] ?? 0;
      at += HEAD_BYTES;
      const goesOn = this.#take(type, bytes, at, end);
      at = end;
      if (!goesOn) return at < bytes.length ? bytes.subarray(at) : undefined;
    }
    if (at < bytes.length) this.#keep(bytes, at, HEAD_BYTES);
    return undefined;
  }

  #joined(chunk: Buffer): Buffer | undefined {
    if (this.#kept === 0) return chunk;
    this.#parts.push(chunk);
    this.#kept += chunk.length;
    if (this.#kept < this.#wanted) return undefined;
    const joined = Buffer.concat(this.#parts, this.#kept);
    this.#parts = [];
    this.#kept = 0;
    return joined;
  }

  #keep(bytes: Buffer, at: number, wanted: number): void {
    this.#parts = [bytes.subarray(at)];
    this.#kept = bytes.length - at;
    this.#wanted = wanted;
  }
}
