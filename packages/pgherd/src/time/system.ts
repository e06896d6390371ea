import type { Clock, Random, ScheduleOptions, Timer } from './port.ts';

/** Longest delay `setTimeout` takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

/**
 * As they are when the module is loaded: a test that replaces the process's timers by ones that stand still (`vi.useFakeTimers`,
 * `mock.timers`) means its own program, while servers answer in real time.
 */
const { setTimeout, clearTimeout, performance } = globalThis;
const now = performance.now.bind(performance);

/** The real clock. Only this file uses the real time and real random numbers. */
export const systemClock: Clock = Object.freeze({
  now: () => now(),
  wallTime: () => Date.now(),
  schedule(ms: number, fn: () => void, options?: ScheduleOptions): Timer {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), MAX_DELAY_MS));
    if (options?.ref === false) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
});

/** Real random numbers: good enough to spread load, not for secrets. */
export const systemRandom: Random = Object.freeze({ next: () => Math.random() });
