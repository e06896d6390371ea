import type { Clock, Timer } from '../time/port.ts';

/** One open resource and what the pool knows about it. */
export interface Entry<R> {
  readonly resource: R;
  readonly expiresAt: number;
  readonly generation: number;
  state: 'idle' | 'leased' | 'checked';
  uses: number;
  idleSince: number;
}

/** How many idle resources are looked at for one that the caller prefers. */
const PREFERENCE_DEPTH = 8;

/** Idle entries: the one that came back last is taken first, so that what is not needed grows old at the bottom. */
export class IdleStack<R> {
  readonly #entries: Entry<R>[] = [];

  get length(): number {
    return this.#entries.length;
  }

  /** The one that has been idle for longest. */
  get oldest(): Entry<R> | undefined {
    return this.#entries[0];
  }

  /** All of them, the oldest first; a copy. */
  all(): Entry<R>[] {
    return [...this.#entries];
  }

  /** The earliest moment at which one of them is too old. */
  get earliestExpiry(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.#entries) if (expiresAt < earliest) earliest = expiresAt;
    return earliest;
  }

  push(entry: Entry<R>): void {
    this.#entries.push(entry);
  }

  /** Where the entry stands that the caller likes best, or -1. */
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

/** One timer for the earliest of many moments. It may come too early, never too late; it keeps no process alive. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  noLaterThan(at: number): void {
    if (at >= this.#at) return;
    this.#timer?.cancel();
    this.#at = at;
    const delay = Math.max(1, at - this.#clock.now());
    this.#timer = this.#clock.schedule(delay, () => this.#fire(), { ref: false });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
    this.#ring();
  }
}
