import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  diag,
  type Meter,
  metrics,
  type Observable,
  type Attributes as OtelAttributes,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { argumentError } from '../model/errors.ts';
import { Clusters } from '../telemetry/clusters.ts';
import { type HerdMetricProducer, metricProducer } from '../telemetry/metric-producer.ts';
import { GAUGES, METRIC_NAMES, METRICS, type Metric, type MetricName } from '../telemetry/metrics.ts';
import { type MeterPort, otelSamples, otelSink } from '../telemetry/otel-metrics.ts';
import { type InstrumentOptions, instrumentSettings } from '../telemetry/otel-options.ts';
import { type Attributes, Spans, type TracingPort } from '../telemetry/spans.ts';
import { reporting, type Telemetry } from '../telemetry/telemetry.ts';
import { systemClock } from '../time/system.ts';

export type {
  HerdMetricProducer,
  ProducedHistogram,
  ProducedMetrics,
  ProducedPoint,
  ProducedResource,
  ProducedTime,
} from '../telemetry/metric-producer.ts';
export type { InstrumentOptions } from '../telemetry/otel-options.ts';
export type { ReportedClusters, Telemetry } from '../telemetry/telemetry.ts';

/** What is enabled: a second one would report every statement twice. */
let enabled = false;

/**
 * Reports to OpenTelemetry: spans and metrics of all statements of the process by the database conventions, and metrics of the nodes, pools
 * and failovers of the given clusters. Call it after the SDK has been registered, and once in a process.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used, and while an earlier one is not disabled.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { instrument } from 'pgherd/otel';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const telemetry = instrument({ clusters: { shop: db } });
 * ```
 */
export function instrument(options: InstrumentOptions = {}): Telemetry {
  const settings = instrumentSettings(options);
  if (enabled)
    throw argumentError(
      'instrument() was called already: add further clusters by add(), or call disable() first.',
    );
  const clusters = new Clusters();
  const { histograms } = settings;
  const meters = settings.metrics ? meterPort(clusters, histograms !== undefined) : undefined;
  const telemetry = reporting(
    {
      clusters,
      sink: meters === undefined ? undefined : otelSink(meters.port, clusters, histograms),
      spans: settings.spans === undefined ? undefined : new Spans(tracingPort(), settings.spans, clusters),
      report: (error) => diag.error('pgherd: reporting has failed', error),
      ended: () => {
        enabled = false;
        meters?.end();
      },
    },
    settings.clusters,
  );
  enabled = true;
  return telemetry;
}

const SCOPE = 'pgherd';

/**
 * Makes a producer of metrics for `instrument` and for a reader of `@opentelemetry/sdk-metrics`. The histograms of pgherd, such as the
 * durations of calls, are then counted by pgherd itself: exactly, and at a tenth of what the meters of the SDK cost. The reader
 * gets them with all other metrics, cumulative; views of the SDK do not apply to them.
 *
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { createMetricProducer, instrument } from 'pgherd/otel';
 *
 * const metricProducer = createMetricProducer();
 * // new PeriodicExportingMetricReader({ exporter, metricProducers: [metricProducer] })
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const telemetry = instrument({ clusters: { shop: db }, metricProducer });
 * ```
 */
export function createMetricProducer(): HerdMetricProducer {
  return metricProducer(systemClock);
}

function tracingPort(): TracingPort<Span> {
  const tracer = trace.getTracer(SCOPE);
  return {
    start: (name, kind, attributes, parent) =>
      tracer.startSpan(
        name,
        {
          kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
          attributes: attributes as OtelAttributes,
        },
        parent as Context,
      ),
    context: () => context.active(),
    contextWith: (parent, span) => trace.setSpan(parent as Context, span),
    active: () => trace.getActiveSpan(),
    failed: (span) => void span.setStatus(FAILED),
    storage: storageOfContexts(),
  };
}

const FAILED = Object.freeze({ code: SpanStatusCode.ERROR });

/**
 * The storage of the usual context manager of Node. The API has no public way to it, and a channel binds nothing else; with
 * another manager there is none.
 */
function storageOfContexts(): AsyncLocalStorage<unknown> | undefined {
  const { _getContextManager } = context as unknown as {
    readonly _getContextManager?: () => { readonly _asyncLocalStorage?: unknown };
  };
  const storage = _getContextManager?.call(context)._asyncLocalStorage;
  return storage instanceof AsyncLocalStorage ? storage : undefined;
}

type Recorder = (value: number, attributes: OtelAttributes) => void;

/** The instruments of all metrics, maybe without histograms; `end` ends the asking for values. */
function meterPort(
  clusters: Clusters,
  noHistograms: boolean,
): { readonly port: MeterPort; readonly end: () => void } {
  const meter = metrics.getMeter(SCOPE);
  const gauges = new Map<MetricName, Observable>(GAUGES.map((name) => [name, gaugeOf(meter, METRICS[name])]));
  const recorders = new Map<MetricName, Recorder>();
  for (const name of METRIC_NAMES) {
    if (noHistograms && METRICS[name].kind === 'histogram') continue;
    if (!gauges.has(name)) recorders.set(name, recorderOf(meter, METRICS[name]));
  }
  const observables = [...gauges.values()];
  const callback: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    for (const { metric, value, attributes } of otelSamples(clusters)) {
      const gauge = gauges.get(metric);
      if (gauge !== undefined) result.observe(gauge, value, attributes as OtelAttributes);
    }
  };
  meter.addBatchObservableCallback(callback, observables);
  return {
    port: {
      record: (metric, value, attributes: Attributes) =>
        recorders.get(metric)?.(value, attributes as OtelAttributes),
    },
    end: () => meter.removeBatchObservableCallback(callback, observables),
  };
}

/** Sums over nodes mean something for what is counted, and nothing for what is measured. */
function gaugeOf(meter: Meter, { otel, unit, help: description }: Metric): Observable {
  return otel.startsWith('db.client.connection.')
    ? meter.createObservableUpDownCounter(otel, { unit, description })
    : meter.createObservableGauge(otel, { unit, description });
}

function recorderOf(meter: Meter, { otel, kind, unit, help: description, buckets }: Metric): Recorder {
  if (kind === 'counter') {
    const counter = meter.createCounter(otel, { unit, description });
    return (value, attributes) => counter.add(value, attributes);
  }
  const advice = buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } };
  const histogram = meter.createHistogram(otel, { unit, description, ...advice });
  return (value, attributes) => histogram.record(value, attributes);
}
