import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { HerdMetricProducer } from 'pgherd/otel';

/** Takes spans as an exporter does that sends them away, and keeps none. */
const DISCARDING: SpanExporter = {
  export: (_spans, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
};

/** OpenTelemetry's own SDK, by default with every span sampled; nothing is exported during a run but spans, in batches. */
export function startSdk(producers: HerdMetricProducer[] = [], sampled = 1): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      spanProcessors: [new BatchSpanProcessor(DISCARDING)],
      sampler: sampled === 1 ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(sampled),
    }),
  );
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
    metricProducers: producers,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}
