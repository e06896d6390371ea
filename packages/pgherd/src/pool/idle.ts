/** One open resource and what the pool knows about it. */
export interface Entry<R> {
  readonly resource: R;
  readonly expiresAt: number;
  readonly generation: number;
  state: 'idle' | 'leased' | 'checked';
  uses: number;
  idleSince: number;
}

/** How many idle resources are tried for one that the caller prefers. */
const PREFERENCE_DEPTH = 8;

/**
 * Idle entries. The last one returned is taken first, so that those that are not needed age at the bottom.
 */
export class IdleStack<R> {
  readonly #entries: Entry<R>[] = [];

  get length(): number {
    return this.#entries.length;
  }

  /** The entry that has been idle for longest. */
  get oldest(): Entry<R> | undefined {
    return this.#entries[0];
  }

  /** All entries, the oldest first; a copy. */
  all(): Entry<R>[] {
    return [...this.#entries];
  }

  /** When the first of them reaches its lifetime. */
  get earliestExpiry(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.#entries) if (expiresAt < earliest) earliest = expiresAt;
    return earliest;
  }

  push(entry: Entry<R>): void {
    this.#entries.push(entry);
  }

  /** The index of the entry to take: one that the caller prefers, else the last; -1 if there is none. */
  find(prefer: ((resource: R) => boolean) | undefined): number {
    const last = this.#entries.length - 1;
    if (prefer === undefined) return last;
    for (let index = last; index >= Math.max(0, last - PREFERENCE_DEPTH + 1); index--) {
      const entry = this.#entries[index];
      if (entry !== undefined && prefer(entry.resource)) return index;
    }
    return last;
  }

  at(index: number): Entry<R> | undefined {
    return this.#entries[index];
  }

  pop(): Entry<R> | undefined {
    return this.#entries.pop();
  }

  removeAt(index: number): void {
    if (index === this.#entries.length - 1) this.#entries.pop();
    else this.#entries.splice(index, 1);
  }

  remove(entry: Entry<R>): void {
    this.removeAt(this.#entries.lastIndexOf(entry));
  }
}
