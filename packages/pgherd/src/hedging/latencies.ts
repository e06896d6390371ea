/** Boundaries in each doubling of a duration: the quantile is right to a fifth. */
const PER_DOUBLING = 4;
/** Shorter durations count as this one, milliseconds. */
const SHORTEST_MS = 1 / 16;
/** From {@link SHORTEST_MS} to more than two minutes. */
const BUCKETS = 21 * PER_DOUBLING;
/** With so many durations, each counts half: what was long ago is forgotten. */
const REMEMBERED = 1_000;
/** Before so many durations nothing is said. */
const FEWEST = 20;
/** The quantile is computed anew after so many durations. */
const COMPUTED_EVERY = 10;

/** The recent durations of one kind of work, in a memory of fixed size: how many fell between two boundaries each. */
export class Latencies {
  readonly #counts = new Uint16Array(BUCKETS);
  #count = 0;
  #sinceComputed = COMPUTED_EVERY;
  #quantileMs: number | undefined;
  readonly #quantile: number;

  /** `quantile`: the part of the durations, 0 to 1, that is not longer than {@link quantileMs}. */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  /** Takes in a duration, milliseconds. */
  note(ms: number): void {
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#sinceComputed++;
    if (this.#count >= REMEMBERED) this.#halve();
  }

  /** The duration that the quantile of the recent ones did not exceed, milliseconds; `undefined` while there are too few. */
  get quantileMs(): number | undefined {
    if (this.#count < FEWEST) return undefined;
    if (this.#sinceComputed >= COMPUTED_EVERY) {
      this.#sinceComputed = 0;
      this.#quantileMs = this.#computed();
    }
    return this.#quantileMs;
  }

  #computed(): number {
    let left = Math.ceil(this.#count * this.#quantile);
    let bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++) {
      left -= this.#counts[bucket] ?? 0;
      if (left <= 0) break;
    }
    return SHORTEST_MS * 2 ** ((bucket + 1) / PER_DOUBLING);
  }

  #halve(): void {
    let count = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const half = (this.#counts[bucket] ?? 0) >> 1;
      this.#counts[bucket] = half;
      count += half;
    }
    this.#count = count;
  }
}

function bucketOf(ms: number): number {
  if (ms <= SHORTEST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.floor(Math.log2(ms / SHORTEST_MS) * PER_DOUBLING));
}
