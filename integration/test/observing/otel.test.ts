import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { type InstrumentOptions, instrument, type Telemetry } from 'pgherd/otel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { type OtelSdk, startOtelSdk } from '../../src/otel-sdk.ts';
import { rejection } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key, name text)']);
let sdk: OtelSdk;
let telemetry: Telemetry | undefined;

beforeAll(() => {
  sdk = startOtelSdk();
});
afterEach(() => {
  telemetry?.disable();
  telemetry = undefined;
  sdk.spans();
});
afterAll(() => sdk?.end());

function start(options: InstrumentOptions = {}): void {
  telemetry = instrument({ clusters: { shop: it1.db }, ...options });
}

describe('spans', () => {
  it('show a statement by the conventions, as a child of the active span', async () => {
    start();
    const tracer = trace.getTracer('test');
    const parent = tracer.startSpan('request');
    await context.with(trace.setSpan(context.active(), parent), () =>
      it1.db.query('select * from items where name = $1', ['hunter2']),
    );
    parent.end();
    const [span] = sdk.spans();
    expect(span).toMatchObject({
      name: 'select items',
      kind: SpanKind.CLIENT,
      status: { code: SpanStatusCode.UNSET },
    });
    expect(span?.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
    const { host, port } = it1.cluster.primary;
    expect(span?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': 'app',
      'db.query.summary': 'select items',
      'db.query.text': 'select * from items where name = $1',
      'server.address': host,
      'server.port': port,
      'pgherd.verb': 'query',
      'pgherd.scope': 'cluster',
      'pgherd.role': 'primary',
      'pgherd.attempts': 1,
      'pgherd.shared': true,
    });
  });

  it('show no value, neither of a text without parameters nor of an error', async () => {
    start();
    await rejection(it1.db.query("select 'hunter2'::int"));
    const [span] = sdk.spans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span?.attributes).toMatchObject({
      'db.query.text': 'select ?::int',
      'db.response.status_code': '22P02',
      'error.type': '22P02',
    });
    expect(JSON.stringify([span?.attributes, span?.events, span?.status])).not.toContain('hunter2');
  });

  it('leave the text out if asked to', async () => {
    start({ queryText: false });
    await it1.db.query('select 1');
    expect(sdk.spans()[0]?.attributes).not.toHaveProperty('db.query.text');
  });

  it('count the statements of a batch', async () => {
    start();
    await it1.db.batch(['select 1 from items', 'select 2 from items']);
    const { attributes } = await sdk.span('BATCH select items');
    expect(attributes).toMatchObject({ 'db.operation.batch.size': 2 });
  });

  it('of a transaction surround those of its statements', async () => {
    start();
    await it1.db.transaction(async (tx) => {
      await tx.query('insert into items values (1)');
      await tx.query('delete from items');
    });
    const spans = sdk.spans();
    const transaction = spans.find(({ name }) => name === 'pgherd.transaction');
    expect(transaction).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'pgherd.outcome': 'committed', 'pgherd.attempts': 1 },
    });
    const inner = spans.filter((span) => span !== transaction);
    expect(inner.map(({ name }) => name)).toEqual(['insert items', 'delete items']);
    for (const span of inner) expect(span.parentSpanContext?.spanId).toBe(transaction?.spanContext().spanId);
  });

  it('are the active context of what a statement does', async () => {
    start({ acquireSpans: true });
    await it1.db.batch(['select 1', 'select 2']);
    const batch = await sdk.span('BATCH select');
    const acquire = await sdk.span('pgherd.acquire');
    expect(acquire.parentSpanContext?.spanId).toBe(batch.spanContext().spanId);
  });

  it('say when a call is run again', async () => {
    start();
    let runs = 0;
    await it1.db.transaction(async (tx) => {
      const text =
        runs++ === 0 ? "do $$ begin raise exception 'again' using errcode = '40001'; end $$" : 'select 1';
      await tx.query(text);
    });
    const transaction = sdk.spans().find(({ name }) => name === 'pgherd.transaction');
    expect(transaction?.attributes['pgherd.attempts']).toBe(2);
    expect(transaction?.events).toMatchObject([
      { name: 'pgherd.retry', attributes: { 'pgherd.attempt': 2, 'error.type': '40001' } },
    ]);
  });

  it('end with disable()', async () => {
    start();
    telemetry?.disable();
    await it1.db.query('select 1');
    expect(sdk.spans()).toEqual([]);
  });
});

describe('metrics', () => {
  it('have the durations of calls in seconds, with the advised boundaries', async () => {
    start();
    await it1.db.query('select 1 from items');
    const duration = (await sdk.metrics()).get('db.client.operation.duration');
    const point = duration?.dataPoints.find(
      ({ attributes }) =>
        attributes['db.query.summary'] === 'select items' && attributes['error.type'] === undefined,
    );
    expect(point?.value).toMatchObject({
      buckets: { boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] },
    });
    expect(duration?.descriptor.unit).toBe('s');
    expect(point?.attributes).toMatchObject({ 'db.system.name': 'postgresql', 'pgherd.cluster': 'shop' });
  });

  it('have the pools and the nodes as they are', async () => {
    start();
    await it1.db.query('select 1');
    const all = await sdk.metrics();
    const node = it1.db.topology.writable;
    const of = (name: string, attributes: object) =>
      all
        .get(name)
        ?.dataPoints.find((point) => expect.objectContaining(attributes).asymmetricMatch(point.attributes))
        ?.value;
    const pool = it1.db.stats().nodes[0]?.pool;
    expect(of('db.client.connection.max', { 'db.client.connection.pool.name': node })).toBe(pool?.max);
    const idle = of('db.client.connection.count', { 'db.client.connection.state': 'idle' });
    const used = of('db.client.connection.count', { 'db.client.connection.state': 'used' });
    expect(Number(idle) + Number(used)).toBe(pool?.size);
    expect(of('pgherd.node.role', { 'pgherd.node': node, 'pgherd.role': 'primary' })).toBe(1);
    expect(of('pgherd.cluster.writable', { 'pgherd.cluster': 'shop' })).toBe(1);
  });
});

describe('instrument', () => {
  it('refuses to report twice', () => {
    start();
    expect(() => instrument()).toThrow(/called already: add further clusters by add\(\)/);
  });

  it('refuses what it cannot use, and begins nothing', () => {
    const refused: [unknown, RegExp][] = [
      [{ span: true }, /span is not an option of instrument; did you mean spans\?/],
      [{ spans: 'yes' }, /true or false/],
      [{ clusters: [it1.db] }, /an object of clusters by name/],
      [{ clusters: { shop: {} } }, /The cluster "shop" is no cluster/],
      [{ clusters: { a: it1.db, b: it1.db } }, /"b" is reported already/],
    ];
    for (const [options, message] of refused)
      expect(() => instrument(options as InstrumentOptions)).toThrow(message);
    start();
  });
});

describe('what fails in a telemetry system', () => {
  it('cannot hurt a call', async () => {
    const failing = () => {
      throw new Error('the tracer has failed');
    };
    const tracer = trace.getTracerProvider();
    trace.disable();
    trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: failing, startActiveSpan: failing }) });
    try {
      start();
      expect(await it1.db.one('select 1 as n')).toEqual({ n: 1 });
      await it1.db.transaction((tx) => tx.query('select 1'));
    } finally {
      trace.disable();
      trace.setGlobalTracerProvider(tracer);
    }
  });
});
