import type { Clock, Timer } from '../time/port.ts';

/** First age at which a statement that is still running makes its node worth a look, milliseconds. */
const FIRST_LOOK_MS = 50;
/** How much older than usual a statement must be. */
const UNUSUAL_FACTOR = 4;
/** Growth of the age at which the same statement causes the next look. */
const NEXT_LOOK_FACTOR = 4;
/** A duration nobody confirmed for this long counts half, milliseconds: a node that was slow once gets another chance. */
const HALF_LIFE_MS = 1_000;
/** Weight of the newest duration in the smoothed one. */
const EWMA_WEIGHT = 0.2;

/** One half to the power of each whole number. */
const HALVES: readonly number[] = Array.from({ length: 64 }, (_, power) => 0.5 ** power);

/** What is left after so many half-lives: straight lines between whole ones, since every choice of a node asks for it. */
function remaining(halfLives: number): number {
  const whole = Math.floor(halfLives);
  return (HALVES[whole] ?? 0) * (1 - (halfLives - whole) / 2);
}

interface Flight {
  readonly startedAt: number;
  lookAt: number;
}

/** Statements that share a connection, of which only the first is worked at. */
export interface LaneGauge {
  readonly depth: number;
  /** Since when the first of them is the first. */
  readonly headSince: number;
  /** Age of the first at which it is the next reason to look; kept here by {@link InFlight}. */
  lookAt: number;
}

/** Ends the tracking of one statement. `answered` says whether its duration tells how fast the node is. */
export type Landed = (answered: boolean) => void;

/**
 * The statements that run on one node now. A statement that takes longer than usual is no evidence, but a reason to
 * probe at once: that is how traffic finds a frozen server before the next poll. One timer per node serves them all.
 */
export class InFlight {
  readonly #clock: Clock;
  readonly #onSlow: () => void;
  readonly #flights = new Set<Flight>();
  readonly #gauges = new Set<LaneGauge>();
  #timer: Timer | undefined;
  #ewmaMs: number | undefined;
  #measuredAt: number | undefined;

  constructor(clock: Clock, onSlow: () => void) {
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  get count(): number {
    let count = this.#flights.size;
    for (const gauge of this.#gauges) count += gauge.depth;
    return count;
  }

  /** When a statement was last answered, by the clock; `undefined` before the first. */
  get answeredAt(): number | undefined {
    return this.#measuredAt;
  }

  /** Smoothed duration of a statement, milliseconds; fades while nothing is measured. */
  get ewmaMs(): number | undefined {
    if (this.#ewmaMs === undefined) return undefined;
    const ageMs = this.#clock.now() - (this.#measuredAt ?? 0);
    return this.#ewmaMs * remaining(ageMs / HALF_LIFE_MS);
  }

  start(): Landed {
    const now = this.#clock.now();
    const patienceMs = Math.max(FIRST_LOOK_MS, UNUSUAL_FACTOR * (this.#ewmaMs ?? 0));
    const flight: Flight = { startedAt: now, lookAt: now + patienceMs };
    this.#flights.add(flight);
    this.#timer ??= this.#schedule();
    return (answered) => {
      if (!this.#flights.delete(flight) || !answered) return;
      this.measured(this.#clock.now() - now);
    };
  }

  /** Takes in how long an answer took that came just now, milliseconds. */
  measured(tookMs: number): void {
    // What has faded stays faded: else one measurement brings a bad memory back nearly whole.
    const remembered = this.ewmaMs;
    this.#measuredAt = this.#clock.now();
    this.#ewmaMs = remembered === undefined ? tookMs : remembered + (tookMs - remembered) * EWMA_WEIGHT;
  }

  /** Counts the statements of a lane as well, until {@link detach}. */
  attach(gauge: LaneGauge): void {
    this.#gauges.add(gauge);
    this.#timer ??= this.#schedule();
  }

  detach(gauge: LaneGauge): void {
    this.#gauges.delete(gauge);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flights.clear();
    this.#gauges.clear();
  }

  #schedule(): Timer {
    return this.#clock.schedule(FIRST_LOOK_MS, () => this.#look(), { ref: false });
  }

  #isSlow(gauge: LaneGauge, now: number): boolean {
    if (gauge.depth === 0) return false;
    const patienceMs = Math.max(FIRST_LOOK_MS, UNUSUAL_FACTOR * (this.#ewmaMs ?? 0));
    // Of one that has become the first since then, nothing was noted yet.
    if (gauge.lookAt < gauge.headSince + patienceMs) gauge.lookAt = gauge.headSince + patienceMs;
    if (now < gauge.lookAt) return false;
    gauge.lookAt = now + (now - gauge.headSince) * (NEXT_LOOK_FACTOR - 1);
    return true;
  }

  #look(): void {
    const now = this.#clock.now();
    let slow = false;
    for (const flight of this.#flights) {
      if (now < flight.lookAt) continue;
      slow = true;
      flight.lookAt = now + (now - flight.startedAt) * (NEXT_LOOK_FACTOR - 1);
    }
    for (const gauge of this.#gauges) if (this.#isSlow(gauge, now)) slow = true;
    this.#timer = this.#flights.size + this.#gauges.size > 0 ? this.#schedule() : undefined;
    if (slow) this.#onSlow();
  }
}
