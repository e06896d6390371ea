import type { Clock } from '../../time/port.ts';

/** A clock that is read once in a turn of the event loop: thousands of statements are answered in one. */
export class TurnClock {
  readonly #clock: Clock;
  #now = 0;
  #fresh = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    if (!this.#fresh) {
      this.#now = this.#clock.now();
      this.#fresh = true;
      queueMicrotask(() => {
        this.#fresh = false;
      });
    }
    return this.#now;
  }
}
