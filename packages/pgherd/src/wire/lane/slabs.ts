/** Memory is allocated in pieces of this size, bytes. */
const SLAB_BYTES = 65_536;
/**
 * Most pieces kept for the next connection that writes; each turn of the event loop needs one for each that
 * does.
 */
const MAX_FREE = 16;

/**
 * Memory for what is about to be sent, shared by the connections of one driver: idle connections hold none.
 */
export class Slabs {
  readonly #free: Buffer[] = [];

  /** A piece with room for `bytes` and more. */
  take(bytes: number): Buffer {
    if (bytes <= SLAB_BYTES) return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES);
    return Buffer.allocUnsafeSlow(2 * bytes);
  }

  /** The piece is no longer used; one that a long statement needed is left to the garbage collector. */
  giveBack(slab: Buffer): void {
    if (slab.length === SLAB_BYTES && this.#free.length < MAX_FREE) this.#free.push(slab);
  }
}
