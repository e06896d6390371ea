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
  #timer: Timer | undefined;
  #ewmaMs: number | undefined;
  #measuredAt: number | undefined;

  constructor(clock: Clock, onSlow: () => void) {
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  get count(): number {
    return this.#flights.size;
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
      // What has faded stays faded: else one measurement brings a bad memory back nearly whole.
      const remembered = this.ewmaMs;
      const answeredAt = this.#clock.now();
      this.#measuredAt = answeredAt;
      const tookMs = answeredAt - now;
      this.#ewmaMs = remembered === undefined ? tookMs : remembered + (tookMs - remembered) * EWMA_WEIGHT;
    };
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#flights.clear();
  }

  #schedule(): Timer {
    return this.#clock.schedule(FIRST_LOOK_MS, () => this.#look(), { ref: false });
  }

  #look(): void {
    const now = this.#clock.now();
    let slow = false;
    for (const flight of this.#flights) {
      if (now < flight.lookAt) continue;
      slow = true;
      flight.lookAt = now + (now - flight.startedAt) * (NEXT_LOOK_FACTOR - 1);
    }
    this.#timer = this.#flights.size > 0 ? this.#schedule() : undefined;
    if (slow) this.#onSlow();
  }
}
