import { invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { type Histogram, Histograms, type Series, type WallClock } from './histograms.ts';

/** A moment as OpenTelemetry has it: seconds since 1970, and nanoseconds. */
export type ProducedTime = [seconds: number, nanoseconds: number];

/** One series of a histogram, in the form of `@opentelemetry/sdk-metrics`. */
export interface ProducedPoint {
  readonly startTime: ProducedTime;
  readonly endTime: ProducedTime;
  readonly attributes: Record<string, string | number | boolean | undefined>;
  readonly value: {
    readonly buckets: { readonly boundaries: number[]; readonly counts: number[] };
    readonly count: number;
    readonly sum: number;
    readonly min: number;
    readonly max: number;
  };
}

/** One histogram: counts since it began (cumulative), in seconds. */
export interface ProducedHistogram {
  readonly descriptor: {
    readonly name: string;
    readonly description: string;
    readonly unit: string;
    /** A number with a fraction. */
    readonly valueType: 1;
  };
  /** Cumulative. */
  readonly aggregationTemporality: 1;
  /** A histogram. */
  readonly dataPointType: 0;
  readonly dataPoints: ProducedPoint[];
}

/** The resource of what is produced; the SDK puts its own in its place. */
export interface ProducedResource {
  readonly attributes: Record<string, never>;
  merge(other: ProducedResource | null): ProducedResource;
  getRawAttributes(): never[];
}

/** What a reader of metrics gets. */
export interface ProducedMetrics {
  readonly resourceMetrics: {
    readonly resource: ProducedResource;
    readonly scopeMetrics: {
      readonly scope: { readonly name: string };
      readonly metrics: ProducedHistogram[];
    }[];
  };
  readonly errors: unknown[];
}

/**
 * Histograms that pgherd has counted itself, for a reader of `@opentelemetry/sdk-metrics` (its `MetricProducer`): exact, and nearly free,
 * whereas its own histograms look for their series at each value.
 */
export interface HerdMetricProducer {
  collect(): Promise<ProducedMetrics>;
}

const OVERFLOW = Object.freeze({ 'otel.metric.overflow': true });

/** The producer, with what is behind it. */
class Producer implements HerdMetricProducer {
  readonly histograms: Histograms;
  readonly #clock: WallClock;

  constructor(clock: WallClock) {
    this.#clock = clock;
    this.histograms = new Histograms(() => OVERFLOW, clock);
  }

  async collect(): Promise<ProducedMetrics> {
    const now = timeOf(this.#clock.wallTime());
    const metrics = this.histograms.all().map((histogram) => produced(histogram, now));
    return {
      resourceMetrics: { resource: NO_RESOURCE, scopeMetrics: [{ scope: { name: 'pgherd' }, metrics }] },
      errors: [],
    };
  }
}

/** Makes a producer. */
export function metricProducer(clock: WallClock): HerdMetricProducer {
  return new Producer(clock);
}

/**
 * The histograms of a producer; `undefined` of none.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for one that pgherd has not made.
 */
export function histogramsOf(producer: unknown): Histograms | undefined {
  if (producer === undefined) return undefined;
  if (!(producer instanceof Producer))
    throw invalidArgument('metricProducer', quoted(producer), 'what createMetricProducer() returns');
  return producer.histograms;
}

const NO_RESOURCE: ProducedResource = Object.freeze({
  attributes: {},
  merge: (other: ProducedResource | null) => other ?? NO_RESOURCE,
  getRawAttributes: () => [],
});

function produced({ metric, boundaries, series }: Histogram, now: ProducedTime): ProducedHistogram {
  return {
    descriptor: { name: metric.otel, description: metric.help, unit: metric.unit, valueType: 1 },
    aggregationTemporality: 1,
    dataPointType: 0,
    dataPoints: series.filter(({ count }) => count > 0).map((one) => pointOf(one, boundaries, now)),
  };
}

function pointOf(series: Series, boundaries: readonly number[], now: ProducedTime): ProducedPoint {
  const { labels, since, counts, count, sum, min, max } = series;
  return {
    startTime: timeOf(since),
    endTime: now,
    attributes: { ...labels },
    value: { buckets: { boundaries: [...boundaries], counts: [...counts] }, count, sum, min, max },
  };
}

function timeOf(ms: number): ProducedTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
}
