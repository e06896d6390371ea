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
  readonly #endTurn = () => {
    this.#fresh = false;
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Approximate duration of a turn, milliseconds: an answer may lie unread in the socket for as long. */
  get turnMs(): number {
    return this.#turnMs;
  }

  now(): number {
    return this.#fresh ? this.#now : this.at(this.#clock.now());
  }

  /** The same, where the clock was read just now; of several readings in one turn the first counts. */
  at(now: number): number {
    if (this.#fresh) return this.#now;
    this.#turnMs = Math.max(Math.min(LONGEST_TURN_MS, now - this.#now), this.#turnMs * FADING);
    this.#now = now;
    this.#fresh = true;
    queueMicrotask(this.#endTurn);
    return now;
  }
}
