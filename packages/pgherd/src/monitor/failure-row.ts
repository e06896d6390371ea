import type { ConnectFailure } from '../model/names.ts';
import { isLastingFailure } from '../topology/node.ts';

/** Attempts to connect that failed in a row, as far as they make the next pause longer. */
export class FailureRow {
  #count = 0;
  #lasting = false;

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /**
   * One more failed. A first refusal of the login is the first of its kind, however often nobody listened before; and one
   * that was asked for before its time says nothing about how long the next pause should be.
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
