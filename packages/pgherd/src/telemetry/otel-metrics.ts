import type { QueryMessage } from '../channels/channels.ts';
import { CallRecorders } from './call-recorders.ts';
import type { Clusters } from './clusters.ts';
import { ErrorTypes } from './errors.ts';
import type { Sink } from './facts.ts';
import type { Histograms } from './histograms.ts';
import { type Label, type Labels, METRICS, type MetricName } from './metrics.ts';
import { samplesOf } from './samples.ts';
import { shapeOf } from './shape.ts';
import { type Attributes, serverOf } from './spans.ts';

/** What is needed of OpenTelemetry's meters: one instrument for each metric. */
export interface MeterPort {
  record(metric: MetricName, value: number, attributes: Attributes): void;
}

const ATTRIBUTES: Readonly<Record<Label, string>> = Object.freeze({
  cluster: 'pgherd.cluster',
  node: 'pgherd.node',
  role: 'pgherd.role',
  state: 'db.client.connection.state',
  purpose: 'pgherd.purpose',
  verb: 'pgherd.verb',
  kind: 'pgherd.error.kind',
  error: 'error.type',
});

/** Counters and histograms of OpenTelemetry; with `histograms`, these take the values of histograms instead of its meters. */
export function otelSink(meter: MeterPort, clusters: Clusters, histograms: Histograms | undefined): Sink {
  const errors = new ErrorTypes();
  const recorders = new CallRecorders(clusters, summaryKey, (message, cluster) => {
    const attributes = callAttributes(message, cluster, errors);
    if (histograms !== undefined) return histograms.series('callDuration', attributes);
    return { record: (seconds) => meter.record('callDuration', seconds, attributes) };
  });
  return {
    record: (metric, value, labels) => {
      const attributes = attributesOf(metric, labels);
      if (histograms === undefined || METRICS[metric].kind !== 'histogram')
        meter.record(metric, value, attributes);
      else histograms.series(metric, attributes).record(value);
    },
    begin: (metric, labels) => {
      if (METRICS[metric].kind === 'counter') meter.record(metric, 0, attributesOf(metric, labels));
    },
    called: (message) => recorders.called(message),
    // What was reported stays with the SDK.
    forget: () => undefined,
  };
}

/** The present values of all gauges, with the attributes of OpenTelemetry. */
export function otelSamples(
  clusters: Clusters,
): { readonly metric: MetricName; readonly value: number; readonly attributes: Attributes }[] {
  return samplesOf(clusters).map(({ metric, value, labels }) => ({
    metric,
    value,
    attributes: attributesOf(metric, labels),
  }));
}

/** By the conventions, the node is the name of the pool where a metric is about pools. */
function attributesOf(metric: MetricName, labels: Labels): Attributes {
  const isOfPool = METRICS[metric].otel.startsWith('db.client.connection.');
  const attributes: Attributes = {};
  for (const [label, value] of Object.entries(labels))
    attributes[isOfPool && label === 'node' ? 'db.client.connection.pool.name' : ATTRIBUTES[label as Label]] =
      value;
  return attributes;
}

/** What decides about the summary of a call. */
function summaryKey({ text, texts }: QueryMessage): string {
  return isBatch(texts) ? BATCH : text;
}

const BATCH = 'BATCH';

function isBatch(texts: readonly string[] | undefined): boolean {
  return texts !== undefined && texts.length > 1;
}

function callAttributes(
  { cluster, text, texts, node, error }: QueryMessage,
  name: string,
  errors: ErrorTypes,
): Attributes {
  const attributes: Attributes = {
    'db.system.name': 'postgresql',
    'db.namespace': cluster.database,
    'db.query.summary': isBatch(texts) ? BATCH : shapeOf(text).summary,
    'pgherd.cluster': name,
    ...serverOf(node),
  };
  if (error !== undefined) {
    const { state, type } = errors.of(error);
    attributes['error.type'] = type;
    if (state !== undefined) attributes['db.response.status_code'] = state;
  }
  return attributes;
}
