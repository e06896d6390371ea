/** The process that measures what the libraries themselves need for one statement: nothing of pgherd runs in it. */
import { context, metrics, SpanKind, trace } from '@opentelemetry/api';
import { Histogram, Registry } from 'prom-client';
import { startSdk } from './telemetry-sdk.ts';
import type { Floor } from './telemetry-ways.ts';

const TURNS = 200_000;
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

const METRIC_ATTRIBUTES = Object.freeze({
  'db.system.name': 'postgresql',
  'db.namespace': 'app',
  'db.query.summary': 'select',
  'pgherd.cluster': 'bench',
  'server.address': '127.0.0.1',
  'server.port': 5432,
});
const AT_START = Object.freeze({
  'db.system.name': 'postgresql',
  'db.namespace': 'app',
  'db.query.summary': 'select',
  'db.query.text': 'select $1::int as n',
  'pgherd.verb': 'query',
  'pgherd.scope': 'cluster',
});
const AT_END = Object.freeze({
  'server.address': '127.0.0.1',
  'server.port': 5432,
  'pgherd.role': 'primary',
  'pgherd.attempts': 1,
  'pgherd.shared': true,
});

/** The loop lets others run now and then, as statements do: the processor of spans empties its buffer. */
async function measured(what: string, turn: () => void): Promise<Floor> {
  for (let n = 0; n < TURNS / 10; n++) turn();
  const cpu = process.cpuUsage();
  for (let n = 0; n < TURNS; n++) {
    turn();
    if (n % 100 === 0) await new Promise(setImmediate);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { what, micros: (user + system) / TURNS };
}

startSdk();
const duration = metrics.getMeter('floor').createHistogram('db.client.operation.duration', {
  advice: { explicitBucketBoundaries: BUCKETS },
});
const tracer = trace.getTracer('floor');
const observed = new Histogram({
  name: 'floor',
  help: 'floor',
  labelNames: ['cluster', 'node', 'verb', 'error'],
  buckets: BUCKETS,
  registers: [new Registry()],
});
const labels = { cluster: 'bench', node: '127.0.0.1:5432', verb: 'query', error: '' };
const floors: Floor[] = [
  await measured('an empty loop', () => undefined),
  await measured("histogram.record of OpenTelemetry's SDK", () => duration.record(0.0015, METRIC_ATTRIBUTES)),
  await measured('histogram.observe of prom-client', () => observed.observe(labels, 0.0015)),
  await measured("a span of OpenTelemetry's SDK", () => {
    const parent = context.active();
    const span = tracer.startSpan('select', { kind: SpanKind.CLIENT, attributes: AT_START }, parent);
    trace.setSpan(parent, span);
    span.setAttributes(AT_END);
    span.end();
  }),
];
process.send?.(floors, () => process.exit(0));
