import type { Entry } from './idle.ts';

interface Drain {
  /** Entries of lower generations count. */
  readonly before: number;
  readonly resolve: () => void;
}

/** Promises that resolve when the last entry of some generations is gone. */
export class Drains {
  #drains: Drain[] = [];

  /**
   * Resolves when no entry of a generation lower than `before` is left; `left` are the entries that there are
   * now.
   */
  wait(before: number, left: Iterable<Entry<unknown>>): Promise<void> {
    return new Promise((resolve) => {
      this.#drains.push({ before, resolve });
      this.end(left);
    });
  }

  /** To be called when an entry is gone; `left` are the others. */
  end(left: Iterable<Entry<unknown>>): void {
    if (this.#drains.length === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { generation } of left) oldest = Math.min(oldest, generation);
    const over = this.#drains.filter(({ before }) => oldest >= before);
    this.#drains = this.#drains.filter(({ before }) => oldest < before);
    for (const { resolve } of over) resolve();
  }
}
