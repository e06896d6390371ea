import { context, DiagLogLevel, diag, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type Sampler,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { instrument } from 'pgherd/otel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { rejection } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key)']);
const reported: string[] = [];

beforeEach(() => {
  reported.length = 0;
  const note = (...args: unknown[]) => void reported.push(args.map(String).join(' '));
  diag.setLogger(
    { error: note, warn: note, info: () => undefined, debug: () => undefined, verbose: () => undefined },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterEach(() => {
  trace.disable();
  metrics.disable();
  context.disable();
  diag.disable();
});

function failing(what: string) {
  return () => {
    throw new Error(`the ${what} has failed`);
  };
}

/** Every kind of call works as if nothing were observed. */
async function everythingWorks(): Promise<void> {
  const telemetry = instrument({ clusters: { shop: it1.db }, acquireSpans: true, connectSpans: true });
  try {
    expect(await it1.db.one('select 1 as n')).toEqual({ n: 1 });
    expect(await it1.db.batch(['select 1', 'select 2'])).toHaveLength(2);
    expect(await it1.db.transaction((tx) => tx.one('select 2 as n'))).toEqual({ n: 2 });
    expect(await it1.db.use((lease) => lease.one('select 3 as n'))).toEqual({ n: 3 });
    const rows: unknown[] = [];
    for await (const row of it1.db.stream('select 4 as n')) rows.push(row);
    expect(rows).toEqual([{ n: 4 }]);
    await it1.db.drain();
    await it1.db.query('select 1');
    const error = await rejection(it1.db.query('select x'));
    expect(error).toMatchObject({ code: '42703' });
    const tx = await it1.db.begin();
    await tx.query('insert into items values (1) on conflict do nothing');
    await tx.commit();
  } finally {
    telemetry.disable();
  }
}

const NOTHING = { onStart: () => undefined, onEnd: () => undefined };
const QUIET = { forceFlush: () => Promise.resolve(), shutdown: () => Promise.resolve() };
const THROWING_EXPORTER: SpanExporter = { export: failing('exporter'), shutdown: () => Promise.resolve() };
const THROWING_SAMPLER: Sampler = { shouldSample: failing('sampler'), toString: () => 'a sampler' };

describe('a call is not hurt by', () => {
  it.each<[string, SpanProcessor | undefined, Sampler | undefined]>([
    [
      'a processor that throws when a span begins',
      { ...NOTHING, ...QUIET, onStart: failing('processor') },
      undefined,
    ],
    [
      'a processor that throws when a span ends',
      { ...NOTHING, ...QUIET, onEnd: failing('processor') },
      undefined,
    ],
    ['an exporter that throws', new SimpleSpanProcessor(THROWING_EXPORTER), undefined],
    ['a sampler that throws', undefined, THROWING_SAMPLER],
  ])('%s', async (_what, processor, sampler) => {
    const provider = new BasicTracerProvider({
      spanProcessors: processor === undefined ? [] : [processor],
      ...(sampler === undefined ? {} : { sampler }),
    });
    trace.setGlobalTracerProvider(provider);
    await everythingWorks();
    expect(reported.some((line) => /the (processor|exporter|sampler) has failed/.test(line))).toBe(true);
    // The context of the program is as it was.
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('an exporter that takes spans in batches and never finishes', async () => {
    const stuck: SpanExporter = { export: () => undefined, shutdown: () => Promise.resolve() };
    const processor = new BatchSpanProcessor(stuck, { maxQueueSize: 4, maxExportBatchSize: 2 });
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
    await everythingWorks();
  });

  it('instruments of a meter that throw', async () => {
    const instrumentOf = () => ({ add: failing('counter'), record: failing('histogram') });
    const observable = () => ({ addCallback: () => undefined, removeCallback: () => undefined });
    const meter = {
      createHistogram: instrumentOf,
      createCounter: instrumentOf,
      createObservableGauge: observable,
      createObservableUpDownCounter: observable,
      addBatchObservableCallback: () => undefined,
      removeBatchObservableCallback: () => undefined,
    };
    metrics.setGlobalMeterProvider({ getMeter: () => meter } as unknown as Parameters<
      typeof metrics.setGlobalMeterProvider
    >[0]);
    await everythingWorks();
    expect(reported.some((line) => line.includes('the histogram has failed'))).toBe(true);
  });

  it('a meter that makes no instruments: instrument() throws what it threw, and nothing has begun', async () => {
    metrics.setGlobalMeterProvider({ getMeter: failing('meter') } as unknown as Parameters<
      typeof metrics.setGlobalMeterProvider
    >[0]);
    expect(() => instrument({ clusters: { shop: it1.db } })).toThrow('the meter has failed');
    metrics.disable();
    await everythingWorks();
  });
});
