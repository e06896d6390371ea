import type { Clock, Timer } from '../../src/time/port.ts';

/** A clock that stands still until it is told to move. */
export interface VirtualClock extends Clock {
  /**
   * Lets `ms` milliseconds pass. Timers that fall due run one by one, in the order of their moments and, within one
   * moment, of their scheduling; whatever they set in motion has come to rest before the next one runs.
   */
  advance(ms: number): Promise<void>;
  /** Time passes and nothing runs, as in a process whose event loop is blocked. What fell due runs at the next `advance`. */
  stall(ms: number): void;
  /** Lets everything come to rest without letting time pass. Timers that are due stay where they are. */
  settle(): Promise<void>;
  /** Timers that are armed now. */
  readonly pending: number;
  /** When the next timer is due, by this clock; `undefined` without any. */
  readonly nextAt: number | undefined;
}

interface Alarm {
  readonly at: number;
  readonly run: () => void;
  state: 'armed' | 'done';
}

/** Wall time at the clock's zero: 2026-01-01T00:00:00Z. */
const EPOCH_MS = 1_767_225_600_000;

/** A clock for tests and simulations; begins at `start` milliseconds. */
export function virtualClock(start = 0): VirtualClock {
  let now = start;
  /** Latest first, so that the next one is taken from the end. */
  const alarms: Alarm[] = [];

  function insert(alarm: Alarm): void {
    let [low, high] = [0, alarms.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = alarms[middle];
      if (other !== undefined && other.at > alarm.at) low = middle + 1;
      else high = middle;
    }
    alarms.splice(low, 0, alarm);
  }

  function dropDone(): void {
    while (alarms.at(-1)?.state === 'done') alarms.pop();
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms;
    await settled();
    for (;;) {
      dropDone();
      const next = alarms.at(-1);
      if (next === undefined || next.at > end) break;
      alarms.pop();
      now = Math.max(now, next.at);
      next.state = 'done';
      next.run();
      await settled();
    }
    now = end;
  }

  return {
    now: () => now,
    wallTime: () => EPOCH_MS + now,
    schedule(ms: number, fn: () => void): Timer {
      const alarm: Alarm = { at: now + Math.max(0, Number.isNaN(ms) ? 0 : ms), run: fn, state: 'armed' };
      insert(alarm);
      return {
        cancel: () => {
          alarm.state = 'done';
        },
      };
    },
    advance,
    stall: (ms) => {
      now += ms;
    },
    settle: settled,
    get pending() {
      return alarms.filter((alarm) => alarm.state === 'armed').length;
    },
    get nextAt() {
      dropDone();
      return alarms.at(-1)?.at;
    },
  };
}

/** Resolves when no promise is left that could settle by itself: an immediate comes after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
