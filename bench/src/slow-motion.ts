import type { Clock } from 'pgherd';

/** A clock in whole milliseconds that stands still until it is moved. */
export interface SlowMotion extends Clock {
  /**
   * Lets time pass, millisecond by millisecond; in each, everything comes to rest before the next one begins.
   */
  advance(ms: number): Promise<void>;
}

/** Cheap for many thousand timers: they lie in one list for each millisecond. */
export function slowMotion(): SlowMotion {
  let now = 0;
  const due = new Map<number, (() => void)[]>();

  async function step(): Promise<void> {
    for (;;) {
      const run = due.get(now);
      if (run === undefined) return;
      due.delete(now);
      for (const fn of run) fn();
      await settled();
    }
  }

  return {
    now: () => now,
    wallTime: () => now,
    schedule(ms, fn) {
      const at = Math.max(now, Math.ceil(now + (Number.isNaN(ms) ? 0 : ms)));
      let armed = true;
      const run = () => {
        if (armed) fn();
      };
      const others = due.get(at);
      if (others === undefined) due.set(at, [run]);
      else others.push(run);
      return {
        cancel: () => {
          armed = false;
        },
      };
    },
    async advance(ms) {
      const end = now + ms;
      await settled();
      for (await step(); now < end; await step()) now++;
    },
  };
}

/** Resolves when no promise is left that could settle by itself: an immediate comes after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
