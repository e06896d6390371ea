import type { Clock } from '../time/port.ts';
import { METRIC_NAMES, METRICS, type Metric, type MetricName } from './metrics.ts';

/** Attributes or labels of a series; values that are `undefined` do not count. */
export type SeriesLabels = Readonly<Record<string, string | number | boolean | undefined>>;

/** Says how many milliseconds have passed since 1970. */
export type WallClock = Pick<Clock, 'wallTime'>;

/** So many series of a metric are kept apart, as many as the SDK of OpenTelemetry keeps. */
const MOST_SERIES = 2_000;

/** The values of a histogram with the same labels: how many lie in each bucket. */
export class Series {
  readonly labels: SeriesLabels;
  /** When it began, milliseconds since 1970. */
  readonly since: number;
  /** Values up to each boundary and above the one before; at last, those above all of them. */
  readonly counts: number[];
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  readonly #boundaries: readonly number[];

  constructor(labels: SeriesLabels, boundaries: readonly number[], since: number) {
    this.labels = labels;
    this.since = since;
    this.#boundaries = boundaries;
    this.counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    const boundaries = this.#boundaries;
    let bucket = 0;
    // Nearly every value is small: few are compared.
    while (bucket < boundaries.length && value > (boundaries[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }
}

/** All series of one metric. */
export interface Histogram {
  readonly metric: Metric;
  readonly boundaries: readonly number[];
  readonly series: readonly Series[];
}

/**
 * Histograms that pgherd counts itself: a value costs one addition to a series that is found once, where the libraries look for it at each
 * value.
 */
export class Histograms {
  readonly #byMetric = new Map<MetricName, Map<string, Series>>();
  readonly #overflow: (metric: MetricName) => SeriesLabels;
  readonly #clock: WallClock;

  /** `overflow` returns the labels of what has no series of its own any more, always the same ones for a metric. */
  constructor(overflow: (metric: MetricName) => SeriesLabels, clock: WallClock) {
    this.#overflow = overflow;
    this.#clock = clock;
  }

  /** The series with these labels; it may be remembered. */
  series(metric: MetricName, labels: SeriesLabels): Series {
    let all = this.#byMetric.get(metric);
    if (all === undefined) {
      all = new Map();
      this.#byMetric.set(metric, all);
    }
    const key = keyOf(labels);
    const known = all.get(key);
    if (known !== undefined) return known;
    const overflow = all.size >= MOST_SERIES - 1 ? this.#overflow(metric) : labels;
    if (labels !== overflow) return this.series(metric, overflow);
    const made = new Series(labels, boundariesOf(METRICS[metric]), this.#clock.wallTime());
    all.set(key, made);
    return made;
  }

  /** The histograms that have a series, in the order of the table. */
  all(): Histogram[] {
    return METRIC_NAMES.filter((name) => this.#byMetric.has(name)).map((name) => this.of(name));
  }

  /** The histogram of one metric. */
  of(name: MetricName): Histogram {
    const metric: Metric = METRICS[name];
    const series = [...(this.#byMetric.get(name)?.values() ?? [])];
    return { metric, boundaries: boundariesOf(metric), series };
  }

  /** Removes the series that have these labels, among others; if they are remembered, they do not count any more. */
  remove(labels: SeriesLabels): void {
    const wanted = Object.entries(labels);
    for (const all of this.#byMetric.values())
      for (const [key, one] of all)
        if (wanted.every(([label, value]) => one.labels[label] === value)) all.delete(key);
  }

  /** Begins anew; series that are remembered do not count any more. */
  reset(name: MetricName): void {
    this.#byMetric.delete(name);
  }
}

function boundariesOf({ buckets = [] }: Metric): readonly number[] {
  return buckets;
}

function keyOf(labels: SeriesLabels): string {
  return JSON.stringify(
    Object.entries(labels)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
