import type { Clock } from '../time/port.ts';

/** A longer turn is no reason for more patience, milliseconds. */
const LONGEST_TURN_MS = 20;
/** What is left of the longest turn after each later one. */
const FADING = 0.9;

/** A clock that is read once in a turn of the event loop: thousands of statements are answered in one. */
export class LoopClock {
  readonly #clock: Clock;
  #now = 0;
  #fresh = false;
  #turnMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** About how long a turn takes now, milliseconds: so long an answer may lie in the socket before anybody reads it. */
  get turnMs(): number {
    return this.#turnMs;
  }

  now(): number {
    if (!this.#fresh) {
      const now = this.#clock.now();
      this.#turnMs = Math.max(Math.min(LONGEST_TURN_MS, now - this.#now), this.#turnMs * FADING);
      this.#now = now;
      this.#fresh = true;
      queueMicrotask(() => {
        this.#fresh = false;
      });
    }
    return this.#now;
  }
}
