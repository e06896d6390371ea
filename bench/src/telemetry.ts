import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { createTestCluster } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { type InstrumentOptions, instrument } from 'pgherd/otel';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { median } from './statistics.ts';

const RUNS = 15;
const CALLERS = 100;
const SLICE_MS = 1_000;
const USAGE = `Usage: npm run bench:telemetry -- [options]

Statements per second of ${CALLERS} callers with OpenTelemetry against the same process without: slices of ${SLICE_MS} ms in turn, the
order reversed in every other round. Ratios are medians of those of the rounds.

  --runs N   rounds (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

const WAYS: readonly (readonly [name: string, options: Omit<InstrumentOptions, 'clusters'> | undefined])[] = [
  ['nothing subscribed', undefined],
  ['metrics', { spans: false }],
  ['metrics and spans', {}],
];

interface Figure {
  readonly way: string;
  readonly perSecond: number;
  /** Throughput that it costs, of that of nothing subscribed. */
  readonly lost: number;
  readonly runs: number;
}

/** Takes spans as an exporter does that sends them away, and keeps none. */
const DISCARDING: SpanExporter = {
  export: (_spans, done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
};

/** OpenTelemetry's own SDK; nothing is exported during the run but spans, in batches. */
function startSdk(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(DISCARDING)] }),
  );
  const reader = new PeriodicExportingMetricReader({
    exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
  });
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
}

async function slice(db: Cluster, options: Omit<InstrumentOptions, 'clusters'> | undefined): Promise<number> {
  const telemetry = options === undefined ? undefined : instrument({ ...options, clusters: { bench: db } });
  let done = 0;
  const from = performance.now();
  const until = from + SLICE_MS;
  const call = async () => {
    while (performance.now() < until) {
      await db.query('select $1::int as n', [7]);
      done++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  telemetry?.disable();
  return (done * 1_000) / (performance.now() - from);
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  startSdk();
  await using cluster = await createTestCluster({ standbys: 0 });
  await using db = createCluster({ url: cluster.url, env: {} });
  for (const [, options] of WAYS) await slice(db, options);
  const found = new Map<string, number[]>(WAYS.map(([way]) => [way, []]));
  for (let round = 0; round < runs; round++) {
    for (const [way, options] of round % 2 === 0 ? WAYS : WAYS.toReversed())
      found.get(way)?.push(await slice(db, options));
  }
  const plain = found.get('nothing subscribed') ?? [];
  const figures = [...found].map(
    ([way, rates]): Figure => ({
      way,
      perSecond: median(rates) ?? 0,
      lost: 1 - (median(rates.map((rate, at) => rate / (plain[at] ?? rate))) ?? 1),
      runs,
    }),
  );
  if (json) return toJson(figures);
  return renderGrid<Figure>(
    [
      left(['', 'with'], (row) => row.way),
      right(['statements', 'per second'], (row) => row.perSecond.toFixed(0)),
      right(['', 'costs'], (row) => `${(row.lost * 100).toFixed(1)} %`),
      right(['', 'rounds'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
