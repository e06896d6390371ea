import type { Clock, Timer } from '../time/port.ts';

/** Shortest age at which a statement that is still running causes a probe of its node, milliseconds. */
const FIRST_LOOK_MS = 50;
/** How many times as long as usual a statement must have been running. */
const UNUSUAL_FACTOR = 4;
/** Factor by which the age grows at which the same statement causes the next probe. */
const NEXT_LOOK_FACTOR = 4;
/**
 * A measured duration counts half after this time without another, milliseconds: a node that was slow once is
 * tried again.
 */
const HALF_LIFE_MS = 1_000;
/** Weight of the newest duration in the smoothed duration. */
const EWMA_WEIGHT = 0.2;

/** One half to the power of each whole number. */
const HALVES: readonly number[] = Array.from({ length: 64 }, (_, power) => 0.5 ** power);

/** What is left after `halfLives`, linear between whole ones: it is computed whenever a node is chosen. */
function remaining(halfLives: number): number {
  const whole = Math.floor(halfLives);
  return (HALVES[whole] ?? 0) * (1 - (halfLives - whole) / 2);
}

/** A statement that is counted while it runs. */
export interface RunningStatement {
  readonly startedAt: number;
  lookAt: number;
}

/** Statements that share a connection; the server works on the first of them only. */
export interface LaneGauge {
  readonly depth: number;
  /** When the first of them became the first. */
  readonly headSince: number;
  /** When the first causes the next probe; kept here by {@link InFlight}. */
  lookAt: number;
  /** Whether its statements are counted; kept by {@link InFlight}. */
  isCounted: boolean;
  /** Called regularly while statements are on it. */
  looked(now: number): void;
}

/**
 * The statements that run on one node now. A statement that takes longer than usual is no evidence, but a
 * reason to probe at once: so traffic finds a frozen server before the next poll. One timer serves all
 * statements of a node.
 */
export class InFlight {
  readonly #clock: Clock;
  readonly #onSlow: (slowMs: number) => void;
  readonly #running = new Set<RunningStatement>();
  readonly #gauges = new Set<LaneGauge>();
  #timer: Timer | undefined;
  #ewmaMs: number | undefined;
  #measuredAt: number | undefined;

  /** `onSlow` is called with how long the slowest of those has been running that take longer than usual, milliseconds. */
  constructor(clock: Clock, onSlow: (slowMs: number) => void) {
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  get count(): number {
    let count = this.#running.size;
    for (const gauge of this.#gauges) count += gauge.depth;
    return count;
  }

  /** When the oldest of them began, or became the first of its lane; `undefined` if none runs. It is computed: for seldom use. */
  get oldestSince(): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { startedAt } of this.#running) oldest = Math.min(oldest, startedAt);
    for (const { depth, headSince } of this.#gauges) if (depth > 0) oldest = Math.min(oldest, headSince);
    return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
  }

  /** When a statement was last answered, milliseconds of the clock; `undefined` before the first. */
  get answeredAt(): number | undefined {
    return this.#measuredAt;
  }

  /** Smoothed duration of a statement, milliseconds; it fades while nothing is measured. */
  get ewmaMs(): number | undefined {
    return this.#ewmaMs === undefined ? undefined : this.#fadedMs(this.#clock.now());
  }

  #fadedMs(now: number): number | undefined {
    if (this.#ewmaMs === undefined) return undefined;
    return this.#ewmaMs * remaining((now - (this.#measuredAt ?? 0)) / HALF_LIFE_MS);
  }

  /** Counts a statement until {@link ended} is called for it. */
  start(): RunningStatement {
    const now = this.#clock.now();
    const patienceMs = Math.max(FIRST_LOOK_MS, UNUSUAL_FACTOR * (this.#ewmaMs ?? 0));
    const statement: RunningStatement = { startedAt: now, lookAt: now + patienceMs };
    this.#running.add(statement);
    this.#timer ??= this.#schedule();
    return statement;
  }

  /** A statement has ended. `answered`: its duration measures the speed of the node. */
  ended(statement: RunningStatement, answered: boolean): void {
    if (!this.#running.delete(statement) || !answered) return;
    const answeredAt = this.#clock.now();
    this.measured(answeredAt - statement.startedAt, answeredAt);
  }

  /** Takes in the duration of a statement that was answered at `now`, milliseconds. */
  measured(tookMs: number, now: number): void {
    // What has faded stays faded; otherwise one measurement would restore nearly all of an old, bad one.
    const remembered = this.#fadedMs(now);
    this.#measuredAt = now;
    this.#ewmaMs = remembered === undefined ? tookMs : remembered + (tookMs - remembered) * EWMA_WEIGHT;
  }

  /** Counts the statements of a lane as well, which has some from now on, until it has none for a while. */
  attach(gauge: LaneGauge): void {
    if (!gauge.isCounted) {
      gauge.isCounted = true;
      this.#gauges.add(gauge);
    }
    this.#timer ??= this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#running.clear();
    this.#gauges.clear();
  }

  #detach(gauge: LaneGauge): void {
    gauge.isCounted = false;
    this.#gauges.delete(gauge);
  }

  #schedule(): Timer {
    return this.#clock.schedule(FIRST_LOOK_MS, () => this.#look(), { ref: false });
  }

  #isSlow(gauge: LaneGauge, now: number): boolean {
    const patienceMs = Math.max(FIRST_LOOK_MS, UNUSUAL_FACTOR * (this.#ewmaMs ?? 0));
    // The first one may have become the first since the last look.
    if (gauge.lookAt < gauge.headSince + patienceMs) gauge.lookAt = gauge.headSince + patienceMs;
    if (now < gauge.lookAt) return false;
    gauge.lookAt = now + (now - gauge.headSince) * (NEXT_LOOK_FACTOR - 1);
    return true;
  }

  #look(): void {
    const now = this.#clock.now();
    let slowMs = -1;
    for (const statement of this.#running) {
      if (now < statement.lookAt) continue;
      slowMs = Math.max(slowMs, now - statement.startedAt);
      statement.lookAt = now + (now - statement.startedAt) * (NEXT_LOOK_FACTOR - 1);
    }
    for (const gauge of this.#gauges) {
      if (gauge.depth === 0) this.#detach(gauge);
      else {
        if (this.#isSlow(gauge, now)) slowMs = Math.max(slowMs, now - gauge.headSince);
        gauge.looked(now);
      }
    }
    this.#timer = this.#running.size + this.#gauges.size > 0 ? this.#schedule() : undefined;
    if (slowMs >= 0) this.#onSlow(slowMs);
  }
}
