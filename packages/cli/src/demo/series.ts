/**
 * Successful calls of one kind, in the order of their answers. Times are milliseconds since the workload
 * began.
 */
export class Series {
  readonly #atMs: number[] = [];
  readonly #tookMs: number[] = [];

  /** Adds a call that was answered at `atMs` after `tookMs`; `atMs` never decreases. */
  add(atMs: number, tookMs: number): void {
    this.#atMs.push(atMs);
    this.#tookMs.push(tookMs);
  }

  /** How many calls were answered. */
  get count(): number {
    return this.#atMs.length;
  }

  /** How many were answered from `fromMs` on and before `toMs`. */
  countBetween(fromMs: number, toMs: number): number {
    return firstAtOrAfter(this.#atMs, toMs) - firstAtOrAfter(this.#atMs, fromMs);
  }

  /** Durations of the calls that were answered from `fromMs` on and before `toMs`. */
  durationsBetween(fromMs: number, toMs: number): number[] {
    return this.#tookMs.slice(firstAtOrAfter(this.#atMs, fromMs), firstAtOrAfter(this.#atMs, toMs));
  }

  /**
   * The longest time without an answer, of those that ended in [`fromMs`, `toMs`), at its full length also if
   * it began earlier; and of one that lasts beyond the window the part up to the window's end. So a silence
   * belongs to the window in which it ends, as a call does. The workload's begin (0) counts as an answer;
   * `nowMs` is the end of what can be known.
   */
  longestGap(fromMs: number, toMs: number, nowMs: number): number {
    const first = firstAtOrAfter(this.#atMs, fromMs);
    const last = firstAtOrAfter(this.#atMs, toMs);
    let before = this.#atMs[first - 1] ?? 0;
    let longest = 0;
    for (let index = first; index < last; index++) {
      const at = this.#atMs[index] ?? before;
      longest = Math.max(longest, at - before);
      before = at;
    }
    return Math.max(longest, Math.min(toMs, nowMs) - before);
  }
}

/** Index of the first time that is not before `atMs`; the length when there is none. `times` is sorted. */
function firstAtOrAfter(times: readonly number[], atMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? Number.POSITIVE_INFINITY) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The value that `share` (0 to 1) of the values do not exceed, by nearest rank; `undefined` without values.
 */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
