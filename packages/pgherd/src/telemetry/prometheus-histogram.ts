import type { Histogram, Histograms, Series } from './histograms.ts';
import type { MetricName } from './metrics.ts';

/** One line of a metric as `prom-client` writes it. */
export interface PrometheusValue {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName: string;
}

/** A histogram as a registry of `prom-client` asks for it. */
export interface PrometheusHistogram {
  readonly name: string;
  readonly help: string;
  readonly type: 'histogram';
  /** How the values of several processes become one. */
  readonly aggregator: 'sum';
  get(): Promise<Omit<PrometheusHistogram, 'get' | 'reset'> & { readonly values: PrometheusValue[] }>;
  /** Sets all its values to 0. */
  reset(): void;
}

/** One histogram of pgherd's, in the form of `prom-client`; `reset` is called when its registry resets it. */
export function prometheusHistogram(
  histograms: Histograms,
  metric: MetricName,
  reset: () => void,
): PrometheusHistogram {
  const { prometheus: name, help } = histograms.of(metric).metric;
  const described = { name, help, type: 'histogram', aggregator: 'sum' } as const;
  return {
    ...described,
    get: async () => ({ ...described, values: valuesOf(histograms.of(metric)) }),
    reset,
  };
}

function valuesOf({ metric: { prometheus: name }, boundaries, series }: Histogram): PrometheusValue[] {
  return series.flatMap((one) => [
    ...bucketsOf(one, boundaries, `${name}_bucket`),
    { labels: labelsOf(one), value: one.sum, metricName: `${name}_sum` },
    { labels: labelsOf(one), value: one.count, metricName: `${name}_count` },
  ]);
}

/** Each bucket counts all values up to its boundary. */
function bucketsOf(series: Series, boundaries: readonly number[], metricName: string): PrometheusValue[] {
  let value = 0;
  return series.counts.map((count, at) => {
    value += count;
    return { labels: { le: boundaries[at] ?? '+Inf', ...labelsOf(series) }, value, metricName };
  });
}

function labelsOf({ labels }: Series): Record<string, string | number> {
  return { ...labels } as Record<string, string | number>;
}
