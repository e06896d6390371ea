import type { Clock, Timer } from '../time/port.ts';

/**
 * One timer for the earliest of many times. It may fire too early, never too late; it keeps no process alive. Once ended it never rings
 * again, whatever is noted afterwards.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  #at = Number.POSITIVE_INFINITY;
  #isEnded = false;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  noLaterThan(at: number): void {
    if (at >= this.#at || this.#isEnded) return;
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

  end(): void {
    this.#isEnded = true;
    this.cancel();
  }

  #fire(): void {
    this.#timer = undefined;
    this.#at = Number.POSITIVE_INFINITY;
    this.#ring();
  }
}
