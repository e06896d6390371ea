import type { Clock, ScheduleOptions, Timer } from 'pgherd';

/** The longest delay of a timer of Node's. */
const LONGEST_MS = 2 ** 31 - 1;

interface Pending {
  readonly dueAt: number;
  readonly ref: boolean;
  readonly fn: () => void;
  timer: NodeJS.Timeout | undefined;
}

/** This machine's clock, which can be slowed down for one cluster object: what is short stays short on a busy machine. */
export class SlowableClock implements Clock {
  #rate = 1;
  #since = performance.now();
  #time = this.#since;
  readonly #pending = new Set<Pending>();

  /** Time goes by `rate` times as fast from now on. */
  runAt(rate: number): void {
    this.#time = this.now();
    this.#since = performance.now();
    this.#rate = rate;
    for (const one of this.#pending) this.#arm(one);
  }

  now(): number {
    return this.#time + (performance.now() - this.#since) * this.#rate;
  }

  wallTime(): number {
    return Date.now();
  }

  schedule(ms: number, fn: () => void, { ref = true }: ScheduleOptions = {}): Timer {
    const one: Pending = { dueAt: this.now() + ms, ref, fn, timer: undefined };
    this.#pending.add(one);
    this.#arm(one);
    return {
      cancel: () => {
        clearTimeout(one.timer);
        this.#pending.delete(one);
      },
    };
  }

  #arm(one: Pending): void {
    clearTimeout(one.timer);
    const delayMs = Math.max(0, (one.dueAt - this.now()) / this.#rate);
    one.timer = setTimeout(
      () => {
        this.#pending.delete(one);
        one.fn();
      },
      Math.min(delayMs, LONGEST_MS),
    );
    if (!one.ref) one.timer.unref();
  }
}
