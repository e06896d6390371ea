/** The process in which a slice is measured: one cluster, observed in one way, so that no way has the traces of another. */
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { type Cluster, createCluster } from 'pgherd';
import { createMetricProducer, instrument } from 'pgherd/otel';
import { collectMetrics } from 'pgherd/prometheus';
import { Registry } from 'prom-client';
import { argumentsOf } from './processes.ts';
import { startSdk } from './telemetry-sdk.ts';
import type { Slice, SliceRequest, Way } from './telemetry-ways.ts';

const KEY = Symbol('a value of the program');

/** Begins to observe; runs the work as such a program would. */
const OBSERVED: Readonly<
  Record<Way, (db: Cluster) => ((work: () => Promise<Slice>) => Promise<Slice>) | undefined>
> = {
  nothing: () => undefined,
  prometheus: (db) => {
    collectMetrics({ register: new Registry(), clusters: { bench: db } });
    return undefined;
  },
  metrics: (db) => {
    startSdk();
    instrument({ clusters: { bench: db }, spans: false });
    return undefined;
  },
  'metrics by the producer': (db) => {
    const metricProducer = createMetricProducer();
    startSdk([metricProducer]);
    instrument({ clusters: { bench: db }, spans: false, metricProducer });
    return undefined;
  },
  'metrics by the producer, and spans': (db) => {
    const metricProducer = createMetricProducer();
    startSdk([metricProducer]);
    instrument({ clusters: { bench: db }, metricProducer });
    return undefined;
  },
  'metrics by the producer, and 1 span in 10': (db) => {
    const metricProducer = createMetricProducer();
    startSdk([metricProducer], 0.1);
    instrument({ clusters: { bench: db }, metricProducer });
    return undefined;
  },
  'metrics and spans': (db) => {
    startSdk();
    instrument({ clusters: { bench: db } });
    return undefined;
  },
  // As a server does for each request that it traces; pgherd has no part in it.
  'a context of the program': () => {
    startSdk();
    return (work) => context.with(ROOT_CONTEXT.setValue(KEY, 1), work);
  },
};

async function load(db: Cluster, callers: number, ms: number): Promise<Slice> {
  let done = 0;
  const cpu = process.cpuUsage();
  const from = performance.now();
  const until = from + ms;
  const call = async () => {
    while (performance.now() < until) {
      await db.query('select $1::int as n', [7]);
      done++;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (done * 1_000) / (performance.now() - from), cpuMicros: (user + system) / done };
}

const { url, way, callers, warmUpMs, sliceMs } = argumentsOf<SliceRequest>(process.argv);
const db = createCluster({ url, env: {} });
await db.query('select 1');
const within = OBSERVED[way](db) ?? ((work: () => Promise<Slice>) => work());
const slice = await within(async () => {
  await load(db, callers, warmUpMs);
  return load(db, callers, sliceMs);
});
await db.close();
process.send?.(slice, () => process.exit(0));
