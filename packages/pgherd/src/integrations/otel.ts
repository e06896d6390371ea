import { AsyncLocalStorage } from 'node:async_hooks';
import {
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
import { GAUGES, METRIC_NAMES, METRICS, type Metric, type MetricName } from '../telemetry/metrics.ts';
import { type MeterPort, otelSamples, otelSink } from '../telemetry/otel-metrics.ts';
import { type InstrumentOptions, instrumentSettings } from '../telemetry/otel-options.ts';
import { type Attributes, type SpanPort, Spans, type TracingPort } from '../telemetry/spans.ts';
import { reporting, type Telemetry } from '../telemetry/telemetry.ts';

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
  const meters = settings.metrics ? meterPort(clusters) : undefined;
  const telemetry = reporting(
    {
      clusters,
      sink: meters === undefined ? undefined : otelSink(meters.port),
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

function tracingPort(): TracingPort {
  const tracer = trace.getTracer(SCOPE);
  return {
    start: (name, kind, attributes) =>
      new OtelSpan(
        tracer.startSpan(name, {
          kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
          attributes: attributes as OtelAttributes,
        }),
      ),
    contextWith: (span) => trace.setSpan(context.active(), (span as OtelSpan).span),
    active: () => {
      const span = trace.getActiveSpan();
      return span === undefined ? undefined : new OtelSpan(span);
    },
    storage: storageOfContexts(),
  };
}

class OtelSpan implements SpanPort {
  readonly span: Span;

  constructor(span: Span) {
    this.span = span;
  }

  isRecording(): boolean {
    return this.span.isRecording();
  }

  setAttributes(attributes: Attributes): void {
    this.span.setAttributes(attributes as OtelAttributes);
  }

  addEvent(name: string, attributes: Attributes): void {
    this.span.addEvent(name, attributes as OtelAttributes);
  }

  setFailed(): void {
    this.span.setStatus({ code: SpanStatusCode.ERROR });
  }

  end(): void {
    this.span.end();
  }
}

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

/** The instruments of all metrics; `end` ends the asking for values. */
function meterPort(clusters: Clusters): { readonly port: MeterPort; readonly end: () => void } {
  const meter = metrics.getMeter(SCOPE);
  const gauges = new Map<MetricName, Observable>(GAUGES.map((name) => [name, gaugeOf(meter, METRICS[name])]));
  const recorders = new Map<MetricName, Recorder>();
  for (const name of METRIC_NAMES) {
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
