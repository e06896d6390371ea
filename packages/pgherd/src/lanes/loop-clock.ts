import type { Clock } from '../time/port.ts';

/** A longer turn does not count further, milliseconds. */
const LONGEST_TURN_MS = 20;
/** Share of the longest turn that is left after each later one. */
const FADING = 0.9;

/**
 * A clock that is read once per turn of the event loop, since thousands of statements may be answered in one.
 */
export class LoopClock {
  readonly #clock: Clock;
  #now = 0;
  #fresh = false;
  #turnMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Approximate duration of a turn, milliseconds: an answer may lie unread in the socket for as long. */
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
