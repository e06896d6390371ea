import type { Clock, Random, ScheduleOptions, Timer } from './port.ts';

/** Longest delay `setTimeout` takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

/** The real clock. Only this file uses the real time and real random numbers. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wallTime: () => Date.now(),
  schedule(ms: number, fn: () => void, options?: ScheduleOptions): Timer {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), MAX_DELAY_MS));
    if (options?.ref === false) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
});

/** Real random numbers: good enough to spread load, not for secrets. */
export const systemRandom: Random = Object.freeze({ next: () => Math.random() });
