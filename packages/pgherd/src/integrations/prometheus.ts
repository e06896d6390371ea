import { Counter, Gauge, type Histogram, type Registry } from 'prom-client';
import { invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import { CallRecorders } from '../telemetry/call-recorders.ts';
import { Clusters } from '../telemetry/clusters.ts';
import { ErrorTypes } from '../telemetry/errors.ts';
import type { Sink } from '../telemetry/facts.ts';
import { Histograms } from '../telemetry/histograms.ts';
import { type Labels, METRIC_NAMES, METRICS, type Metric, type MetricName } from '../telemetry/metrics.ts';
import { assertClusters } from '../telemetry/otel-options.ts';
import { prometheusHistogram } from '../telemetry/prometheus-histogram.ts';
import { samplesOf } from '../telemetry/samples.ts';
import { type ReportedClusters, reporting, type Telemetry } from '../telemetry/telemetry.ts';
import { systemClock } from '../time/system.ts';

export type { ReportedClusters, Telemetry } from '../telemetry/telemetry.ts';

/** Options of {@link collectMetrics}. */
export interface CollectOptions {
  /** Your registry, such as `register` of `prom-client`. */
  readonly register: Registry;
  /** Clusters whose nodes, pools and events are reported, by the value of the label `cluster`. More are added by `add`. Default: none. */
  readonly clusters?: ReportedClusters | undefined;
  /** What subscribers of pgherd's report if they fail, which cannot affect a call. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const OPTIONS = optionNames<CollectOptions>({ register: true, clusters: true, onError: true });

/**
 * Enters the metrics of all statements of the process, and of the nodes, pools and failovers of the given clusters, into a registry of
 * `prom-client`. Gauges are asked for when the registry is scraped. `disable` takes them out again.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used; what `prom-client` throws for a registry that has
 * these metrics already.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { collectMetrics } from 'pgherd/prometheus';
 * import { register } from 'prom-client';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * collectMetrics({ register, clusters: { shop: db } });
 * ```
 */
export function collectMetrics(options: CollectOptions): Telemetry {
  assertOptions('collectMetrics', options, OPTIONS);
  const { register, clusters: given = {}, onError = console.error } = options ?? {};
  if (typeof register?.registerMetric !== 'function')
    throw invalidArgument('register', quoted(register), 'a registry of prom-client');
  if (typeof onError !== 'function') throw invalidArgument('onError', quoted(onError), 'a function');
  assertClusters('clusters', given);
  const clusters = new Clusters();
  const histograms = new Histograms((metric) => OVERFLOW[metric], systemClock);
  const errors = new ErrorTypes();
  let calls = callRecorders(clusters, histograms, errors);
  const recorders = new Map<MetricName, Recorder>();
  const ended = () => {
    for (const name of recorders.keys()) register.removeSingleMetric(METRICS[name].prometheus);
  };
  try {
    for (const name of METRIC_NAMES) {
      const reset = () => {
        histograms.reset(name);
        calls = callRecorders(clusters, histograms, errors);
      };
      recorders.set(name, recorderOf(register, name, clusters, histograms, reset));
    }
  } catch (error) {
    // One of them was in the registry, which stays as it was.
    ended();
    throw error;
  }
  const sink: Sink = {
    record: (metric, value, labels) => recorders.get(metric)?.record(value, labels),
    begin: (metric, labels) => recorders.get(metric)?.begin(labels),
    called: (message) => calls.called(message),
    forget: (cluster) => {
      histograms.remove({ cluster });
      for (const recorder of recorders.values()) recorder.forget(cluster);
    },
  };
  return reporting({ clusters, sink, report: onError, ended }, given);
}

/** What records the durations of calls. */
function callRecorders(clusters: Clusters, histograms: Histograms, errors: ErrorTypes): CallRecorders {
  return new CallRecorders(
    clusters,
    ({ verb }) => verb,
    ({ node = '', verb, error }, cluster) =>
      histograms.series('callDuration', {
        cluster,
        node,
        verb,
        error: error === undefined ? '' : errors.of(error).type,
      }),
  );
}

/** Records values of one counter or histogram. */
interface Recorder {
  record(value: number, labels: Labels): void;
  /** From now on it is 0 where nothing was recorded. */
  begin(labels: Labels): void;
  /** Removes the series of a cluster. */
  forget(cluster: string): void;
}

const NOT_RECORDED: Recorder = Object.freeze({
  record: () => undefined,
  begin: () => undefined,
  forget: () => undefined,
});

const OTHER = '_OTHER';
/** The labels of what has no series of its own any more. */
const OVERFLOW = Object.freeze(
  Object.fromEntries(
    METRIC_NAMES.map((name) => [
      name,
      Object.fromEntries(METRICS[name].labels.map((label) => [label, OTHER])),
    ]),
  ),
) as Readonly<Record<MetricName, Readonly<Record<string, string>>>>;

/** Makes a metric; returns what records its values, which for a gauge does nothing, since it is asked for them. */
function recorderOf(
  register: Registry,
  metric: MetricName,
  clusters: Clusters,
  histograms: Histograms,
  reset: () => void,
): Recorder {
  const { prometheus: name, help, kind, labels }: Metric = METRICS[metric];
  const common = { name, help, labelNames: [...labels], registers: [register] };
  switch (kind) {
    case 'gauge':
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const sample of samplesOf(clusters))
            if (sample.metric === metric) this.set({ ...sample.labels }, sample.value);
        },
      });
      return NOT_RECORDED;
    case 'counter': {
      const counter = new Counter(common);
      const known = new Map<string, Labels>();
      const add = (labelled: Labels, value: number): void => {
        counter.inc({ ...labelled }, value);
        known.set(JSON.stringify(labelled), labelled);
      };
      return {
        record: (value, labelled) => add(labelled, value),
        begin: (labelled) => add(labelled, 0),
        forget: (cluster) => {
          for (const [key, labelled] of known) {
            if (labelled.cluster !== cluster) continue;
            counter.remove({ ...labelled });
            known.delete(key);
          }
        },
      };
    }
    case 'histogram':
      // A registry asks each metric for its values and for nothing else.
      register.registerMetric(prometheusHistogram(histograms, metric, reset) as unknown as Histogram);
      return {
        record: (value, labelled) => histograms.series(metric, labelled).record(value),
        begin: (labelled) => void histograms.series(metric, labelled),
        // All histograms together.
        forget: () => undefined,
      };
    default:
      return kind satisfies never;
  }
}
