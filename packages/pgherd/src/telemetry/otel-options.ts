import { invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import type { Histograms } from './histograms.ts';
import { type HerdMetricProducer, histogramsOf } from './metric-producer.ts';
import type { SpanSettings } from './spans.ts';
import type { ReportedClusters } from './telemetry.ts';

/** Options of `instrument`. */
export interface InstrumentOptions {
  /** Clusters whose nodes, pools and events are reported, by name. More are added by `add`. Default: none. */
  readonly clusters?: ReportedClusters | undefined;
  /** Whether statements and transactions become spans. Default `true`. */
  readonly spans?: boolean | undefined;
  /** Whether metrics are reported. Default `true`. */
  readonly metrics?: boolean | undefined;
  /**
   * What `createMetricProducer` returned and the reader of the SDK has among its `metricProducers`: histograms go there instead of to the
   * meters, which costs a tenth. Default: none.
   */
  readonly metricProducer?: HerdMetricProducer | undefined;
  /**
   * Whether spans show the SQL (`db.query.text`): as it is if it has parameters, else with `?` in place of strings and numbers. Default
   * `true`.
   */
  readonly queryText?: boolean | undefined;
  /** Whether waiting for a connection of its own is a span. Default `false`. */
  readonly acquireSpans?: boolean | undefined;
  /** Whether opening a connection is a span. Default `false`. */
  readonly connectSpans?: boolean | undefined;
}

/** What {@link InstrumentOptions} mean. */
export interface InstrumentSettings {
  readonly clusters: ReportedClusters;
  readonly spans: SpanSettings | undefined;
  readonly metrics: boolean;
  /** Where histograms are counted, if not by the meters. */
  readonly histograms: Histograms | undefined;
}

const OPTIONS = optionNames<InstrumentOptions>({
  clusters: true,
  spans: true,
  metrics: true,
  metricProducer: true,
  queryText: true,
  acquireSpans: true,
  connectSpans: true,
});

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used. */
export function instrumentSettings(options: InstrumentOptions): InstrumentSettings {
  assertOptions('instrument', options, OPTIONS);
  const { clusters = {}, spans = true, metrics = true } = options;
  const { queryText = true, acquireSpans = false, connectSpans = false } = options;
  assertClusters('clusters', clusters);
  for (const [name, value] of Object.entries({ spans, metrics, queryText, acquireSpans, connectSpans }))
    if (typeof value !== 'boolean') throw invalidArgument(name, quoted(value), 'true or false');
  return {
    clusters,
    spans: spans ? { queryText, acquire: acquireSpans, connect: connectSpans } : undefined,
    metrics,
    histograms: histogramsOf(options.metricProducer),
  };
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no object. */
export function assertClusters(name: string, clusters: unknown): void {
  if (typeof clusters !== 'object' || clusters === null || Array.isArray(clusters))
    throw invalidArgument(name, quoted(clusters), 'an object of clusters by name, such as { shop: db }');
}
