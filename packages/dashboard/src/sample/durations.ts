/** The upper bound of bucket 0, milliseconds. */
const FIRST_MS = 0.05;
/** Each bucket ends so many times later than the one before: percentiles are up to 8 % too large. */
const GROWTH = 1.08;
/** The last bucket takes everything from about 17 minutes on. */
const BUCKETS = 220;
const LOG_GROWTH = Math.log(GROWTH);

/** The percentiles that are plotted, milliseconds; `null` if no call has ended. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Durations of calls in buckets, of one sample after the other: constant memory, and a few operations for each call. */
export class Durations {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(ms: number): void {
    const bucket = ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / LOG_GROWTH);
    const index = Math.min(bucket, BUCKETS - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total++;
  }

  /** The percentiles since the last call; forgets the durations. */
  take(): Percentiles {
    const taken = { p50: this.#percentile(0.5), p95: this.#percentile(0.95), p99: this.#percentile(0.99) };
    this.#counts.fill(0);
    this.#total = 0;
    return taken;
  }

  /** The upper bound of the bucket that holds the value which `share` of all do not exceed. */
  #percentile(share: number): number | null {
    if (this.#total === 0) return null;
    const rank = Math.ceil(share * this.#total);
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return FIRST_MS * GROWTH ** bucket;
    }
    return null;
  }
}
