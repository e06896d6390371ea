import type { Clock } from 'pgherd';

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  schedule: (ms, fn, options) => {
    const timer = setTimeout(fn, ms);
    if (options?.ref === false) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
