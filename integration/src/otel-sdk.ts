import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { waitUntil } from '@pgherd/testing';

/** OpenTelemetry's own SDK in this process, with exporters in memory. */
export interface OtelSdk {
  /** Spans that have ended since the last call. */
  spans(): ReadableSpan[];
  /** The span of this name, as soon as it has ended; it stays among {@link spans}. */
  span(name: string): Promise<ReadableSpan>;
  /** All metrics as they are now, by name. */
  metrics(): Promise<ReadonlyMap<string, MetricData>>;
  end(): Promise<void>;
}

/** What a test adds to it. */
export interface OtelSettings {
  /** Additional sources of metrics. Default: none. */
  readonly metricProducers?: MetricProducer[] | undefined;
  /** What gets spans before they are kept. Default: nothing. */
  readonly spanProcessors?: readonly SpanProcessor[] | undefined;
}

export function startOtelSdk({ metricProducers = [], spanProcessors = [] }: OtelSettings = {}): OtelSdk {
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  const exporter = new InMemorySpanExporter();
  const tracing = new BasicTracerProvider({
    spanProcessors: [...spanProcessors, new SimpleSpanProcessor(exporter)],
  });
  trace.setGlobalTracerProvider(tracing);
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter,
    exportIntervalMillis: 3_600_000,
    metricProducers,
  });
  const metering = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(metering);
  return {
    spans: () => {
      const ended = [...exporter.getFinishedSpans()];
      exporter.reset();
      return ended;
    },
    span: async (name) => {
      let found: ReadableSpan | undefined;
      const isThere = async () => {
        found = exporter.getFinishedSpans().find((span) => span.name === name);
        return found !== undefined;
      };
      await waitUntil(isThere, { what: `the end of the span ${name}` });
      return found as unknown as ReadableSpan;
    },
    metrics: async () => {
      metricExporter.reset();
      await metering.forceFlush();
      const all = metricExporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
      return new Map(all.flatMap((scope) => scope.metrics).map((metric) => [metric.descriptor.name, metric]));
    },
    end: async () => {
      await Promise.all([tracing.shutdown(), metering.shutdown()]);
      trace.disable();
      metrics.disable();
      context.disable();
    },
  };
}
