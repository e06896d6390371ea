import type { Clock, Timer } from '../time/port.ts';

/** How many looks are taken in the time after which a cluster rests: it may rest that much later. */
const LOOKS = 10;
/** Shortest and longest pause between two looks, milliseconds. */
const SHORTEST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 30_000;

/** What a cluster was used for so far, and what it is used for now. */
export interface Use {
  /** Grows with each use. */
  readonly count: number;
  /** Whether something goes on now: a call, a lease, a transaction, a subscription, a guest, or a call that waits. */
  readonly isBusy: boolean;
}

/** What the last looks have shown. */
export interface Idleness {
  readonly count: number;
  /** Since when nothing was seen going on, milliseconds of the clock. */
  readonly since: number;
}

/** What a look shows, and whether the cluster rests from now on. Pure. */
export function idlenessAfter(before: Idleness | undefined, { count, isBusy }: Use, now: number): Idleness {
  if (before === undefined || isBusy || count !== before.count) return { count, since: now };
  return before;
}

/** What is needed of the cluster. */
export interface RestPorts {
  readonly clock: Clock;
  use(): Use;
  /** Nothing has gone on for so many milliseconds. */
  rest(idleMs: number): void;
}

/** Looks seldom whether a cluster is used: what calls count anyway is enough, and no call reads a clock for it. */
export class RestWatch {
  readonly #restAfterMs: number;
  readonly #ports: RestPorts;
  /** What else keeps the cluster from resting. */
  readonly #keepers: (() => boolean)[] = [];
  /** Uses that nothing else counts. */
  #touches = 0;
  /** Uses of that kind that go on. */
  #holds = 0;
  #idleness: Idleness | undefined;
  #timer: Timer | undefined;
  #restsSince: number | undefined;
  #wokenAt = Number.NEGATIVE_INFINITY;

  /** `restAfterMs` 0: it never rests. */
  constructor(restAfterMs: number, ports: RestPorts) {
    this.#restAfterMs = restAfterMs;
    this.#ports = ports;
  }

  /** Whether the cluster rests now. */
  get isResting(): boolean {
    return this.#restsSince !== undefined;
  }

  /** When the last rest ended, milliseconds of the clock; long ago if there was none. */
  get wokenAt(): number {
    return this.#wokenAt;
  }

  /** Watching has begun. Returns for how long the cluster rested before, milliseconds; `undefined` if it did not. */
  start(): number | undefined {
    const now = this.#ports.clock.now();
    const restedMs = this.#restsSince === undefined ? undefined : now - this.#restsSince;
    this.#restsSince = undefined;
    if (restedMs !== undefined) this.#wokenAt = now;
    this.#idleness = undefined;
    if (this.#restAfterMs > 0) this.#look();
    return restedMs;
  }

  /** The cluster was used in a way that nothing else counts. */
  touch(): void {
    this.#touches++;
  }

  /** The cluster is used until the function that this returns is called. */
  hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      this.touch();
    };
  }

  /** The cluster does not rest while this returns `true`. */
  keepAwake(isBusy: () => boolean): void {
    this.#keepers.push(isBusy);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { clock, rest, use } = this.#ports;
    const now = clock.now();
    const { count, isBusy } = use();
    const isHeld = this.#holds > 0 || this.#keepers.some((keeps) => keeps());
    const seen = { count: count + this.#touches, isBusy: isBusy || isHeld };
    this.#idleness = idlenessAfter(this.#idleness, seen, now);
    const idleMs = now - this.#idleness.since;
    if (idleMs >= this.#restAfterMs) {
      this.#restsSince = now;
      rest(idleMs);
      return;
    }
    this.#timer = clock.schedule(lookAfterMs(this.#restAfterMs), () => this.#look(), { ref: false });
  }
}

function lookAfterMs(restAfterMs: number): number {
  return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, restAfterMs / LOOKS));
}
