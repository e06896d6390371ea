import type { ConnectFailure } from '../model/names.ts';
import { isLastingFailure } from '../topology/node.ts';

/** Attempts to connect that failed in a row, if they lengthen the next pause. */
export class FailureRow {
  #count = 0;
  #lasting = false;

  /** Number of failures that count. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts one more. The first lasting failure starts a new count, however many passing ones preceded it; and
   * a lasting failure of an attempt that was brought forward does not lengthen the next pause.
   */
  add(failure: ConnectFailure, beforeItsTime: boolean): void {
    const lasting = isLastingFailure(failure);
    if (lasting !== this.#lasting) this.#count = 1;
    else if (!lasting || !beforeItsTime || this.#count === 0) this.#count += 1;
    this.#lasting = lasting;
  }

  /** A connection was made. */
  end(): void {
    this.#count = 0;
  }
}
