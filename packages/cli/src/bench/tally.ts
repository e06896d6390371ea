import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Durations of calls that were answered, in milliseconds; `null` if there were none. */
export interface Latencies {
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** Why calls failed. */
export interface Failures {
  /** Ours, such as `PGHERD_OUTCOME_UNKNOWN`, or a SQLSTATE; `null` if the error has none. */
  readonly code: string | null;
  readonly count: number;
  /** Of the first of them. */
  readonly message: string;
}

/** Longest duration that is told apart, microseconds. */
const LONGEST_US = 3_600_000_000;

/** The books of a load test; they take the same memory however long it lasts. */
export class Tally {
  readonly #all = newHistogram();
  readonly #byNode = new Map<string, RecordableHistogram>();
  readonly #failures = new Map<string | null, { count: number; readonly message: string }>();
  #failed = 0;

  /** Adds a call that a node has answered. */
  answered(node: string, tookMs: number): void {
    const us = Math.min(LONGEST_US, Math.max(1, Math.round(tookMs * 1_000)));
    this.#all.record(us);
    this.#ofNode(node).record(us);
  }

  /** Adds a call that failed. */
  failed(error: unknown): void {
    this.#fail(codeOf(error), 1, error instanceof Error ? error.message : String(error));
  }

  /** Adds the books of another load test. */
  add(other: Tally): void {
    this.#all.add(other.#all);
    for (const [node, histogram] of other.#byNode) this.#ofNode(node).add(histogram);
    for (const [code, { count, message }] of other.#failures) this.#fail(code, count, message);
  }

  get answeredCount(): number {
    return this.#all.count;
  }

  get failedCount(): number {
    return this.#failed;
  }

  get latencies(): Latencies {
    return latenciesOf(this.#all);
  }

  #ofNode(node: string): RecordableHistogram {
    const known = this.#byNode.get(node);
    if (known !== undefined) return known;
    const made = newHistogram();
    this.#byNode.set(node, made);
    return made;
  }

  #fail(code: string | null, count: number, message: string): void {
    this.#failed += count;
    const known = this.#failures.get(code);
    if (known === undefined) this.#failures.set(code, { count, message });
    else known.count += count;
  }

  /** In the order of the names. */
  get nodes(): readonly ({ readonly node: string; readonly answered: number } & Latencies)[] {
    return [...this.#byNode]
      .map(([node, histogram]) => ({ node, answered: histogram.count, ...latenciesOf(histogram) }))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** The most frequent first. */
  get failures(): readonly Failures[] {
    return [...this.#failures]
      .map(([code, { count, message }]) => ({ code, count, message }))
      .sort((a, b) => b.count - a.count);
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 });
}

function latenciesOf(histogram: RecordableHistogram): Latencies {
  const ms = (us: number): number | null => (histogram.count === 0 ? null : us / 1_000);
  return {
    p50Ms: ms(histogram.percentile(50)),
    p95Ms: ms(histogram.percentile(95)),
    p99Ms: ms(histogram.percentile(99)),
    maxMs: ms(histogram.max),
  };
}

function codeOf(error: unknown): string | null {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null;
}
