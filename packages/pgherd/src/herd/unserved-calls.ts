import type { Clock } from '../time/port.ts';

/** For so long a call that failed at once counts as one that waits, milliseconds: others are likely to follow. */
const RECENT_MS = 2_000;

/** Calls that failed at once because every node refuses our logins. */
export class UnservedCalls {
  readonly #clock: Clock;
  #at = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(): void {
    this.#at = this.#clock.now();
  }

  /** Whether there was one just now. */
  get areRecent(): boolean {
    return this.#clock.now() - this.#at < RECENT_MS;
  }
}
