import type { Clock, Timer } from '../../src/time/port.ts';

/**
 * Who runs when its moment comes: the `world` always; the client's `timer`s and its `input` only while its event loop is
 * not blocked. Of what is due at one moment, timers run before input is read, as in Node.
 */
type Kind = 'world' | 'timer' | 'input';

const RANK: Readonly<Record<Kind, number>> = Object.freeze({ world: 0, timer: 1, input: 2 });

interface Happening {
  at: number;
  readonly kind: Kind;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Wall time at the loop's zero: 2026-01-01T00:00:00Z. */
const EPOCH_MS = 1_767_225_600_000;
/** No timer of Node fires earlier than this, milliseconds. */
const SHORTEST_TIMER_MS = 1;

/** The only source of time and of order in a simulation. Nothing happens but what was put into it. */
export class Loop {
  #now = 0;
  #order = 0;
  #heap: Happening[] = [];
  #busyUntil = 0;
  #clientTimers = 0;
  #wallOffsetMs = 0;
  /** Called after each happening of the client, when all promises have come to rest. */
  afterClient: () => void = () => undefined;
  /** Happenings so far. */
  count = 0;
  /** Time as the client sees it. */
  readonly clock: Clock;

  constructor() {
    this.clock = Object.freeze({
      now: () => this.#now,
      wallTime: () => EPOCH_MS + this.#now + this.#wallOffsetMs,
      schedule: (ms: number, fn: () => void) => this.#clientTimer(ms, fn),
    });
  }

  get now(): number {
    return this.#now;
  }

  /** Timers of the client that are armed. */
  get clientTimers(): number {
    return this.#clientTimers;
  }

  /** Until when the client's event loop is blocked. */
  get busyUntil(): number {
    return this.#busyUntil;
  }

  /** Something of the world happens `ms` from now. */
  world(ms: number, run: () => void): Timer {
    const happening = this.#push(this.#now + ms, 'world', run);
    return {
      cancel: () => {
        happening.run = undefined;
      },
    };
  }

  /** Bytes reach the client at `at`, or when its event loop is free again. */
  input(at: number, run: () => void): void {
    this.#push(at, 'input', run);
  }

  /** The client's event loop does nothing for `ms`. */
  stall(ms: number): void {
    this.#busyUntil = Math.max(this.#busyUntil, this.#now + ms);
  }

  /** The client's wall clock jumps. */
  stepWallClock(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Lets everything happen until `end`, or until `until` says that it is enough. */
  async run(end: number, until: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > end) break;
      this.#pop();
      if (next.run === undefined) continue;
      if (next.kind !== 'world' && next.at < this.#busyUntil) {
        next.at = this.#busyUntil;
        this.#insert(next);
        continue;
      }
      this.#now = Math.max(this.#now, next.at);
      this.count++;
      const { run } = next;
      next.run = undefined;
      run();
      if (next.kind === 'world') continue;
      await settled();
      this.afterClient();
      if (until()) return;
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Runs something of the client's now, and lets it come to rest. */
  async act(fn: () => void): Promise<void> {
    fn();
    await settled();
    this.afterClient();
  }

  #clientTimer(ms: number, fn: () => void): Timer {
    const delay = Math.max(SHORTEST_TIMER_MS, Number.isNaN(ms) ? 0 : ms);
    this.#clientTimers++;
    const happening = this.#push(this.#now + delay, 'timer', () => {
      this.#clientTimers--;
      fn();
    });
    return {
      cancel: () => {
        if (happening.run === undefined) return;
        happening.run = undefined;
        this.#clientTimers--;
      },
    };
  }

  #push(at: number, kind: Kind, run: () => void): Happening {
    const happening = { at, kind, order: this.#order++, run };
    this.#insert(happening);
    return happening;
  }

  #insert(happening: Happening): void {
    const heap = this.#heap;
    let index = heap.push(happening) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(happening, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      let child = heap[left];
      if (child === undefined) break;
      const right = heap[left + 1];
      let at = left;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        at = left + 1;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = at;
    }
    heap[index] = last;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.kind !== b.kind) return RANK[a.kind] < RANK[b.kind];
  return a.order < b.order;
}

/** Resolves when no promise is left that could settle by itself: an immediate comes after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
