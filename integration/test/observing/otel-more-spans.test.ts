import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { type InstrumentOptions, instrument, type Telemetry } from 'pgherd/otel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { type OtelSdk, startOtelSdk } from '../../src/otel-sdk.ts';
import { rejection } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key)']);
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

const named = (spans: readonly ReadableSpan[], name: string) => spans.filter((span) => span.name === name);

describe('spans of what begin has begun', () => {
  it.each([
    ['commit', 'committed'],
    ['rollback', 'rolled-back'],
  ] as const)('last until its %s', async (end, outcome) => {
    start();
    const tx = await it1.db.begin({ isolation: 'serializable' });
    await tx.query('select 1 from items');
    expect(named(sdk.spans(), 'pgherd.transaction')).toEqual([]);
    await tx[end]();
    const transaction = await sdk.span('pgherd.transaction');
    const { host, port } = it1.cluster.primary;
    expect(transaction.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': 'app',
      'pgherd.target': 'read-write',
      'pgherd.isolation': 'serializable',
      'pgherd.read_only': false,
      'pgherd.attempts': 1,
      'pgherd.outcome': outcome,
      'server.address': host,
      'server.port': port,
    });
  });

  it('say that the transaction has failed', async () => {
    start();
    await rejection(
      it1.db.transaction(async (tx) => {
        await tx.query('select nothing from items');
      }),
    );
    const transaction = await sdk.span('pgherd.transaction');
    expect(transaction.attributes).toMatchObject({
      'error.type': '42703',
      'db.response.status_code': '42703',
    });
    expect(transaction.status.code).toBe(2);
  });
});

describe('spans of statements on a lease', () => {
  it('have the node, and say that it is one', async () => {
    start();
    await it1.db.use(async (lease) => {
      await lease.query('select 1 from items');
    });
    const [span] = named(sdk.spans(), 'select items');
    expect(span?.attributes).toMatchObject({
      'pgherd.scope': 'lease',
      'pgherd.attempts': 1,
      'pgherd.shared': false,
      'server.port': it1.cluster.primary.port,
    });
  });
});

describe('spans of connections', () => {
  it('are there if asked for, by their purpose', async () => {
    start({ connectSpans: true, acquireSpans: true });
    await it1.db.drain();
    await it1.db.use((lease) => lease.query('select 1'));
    const connect = await sdk.span('pgherd.connect');
    const { host, port } = it1.cluster.primary;
    expect(connect.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': 'app',
      'server.address': host,
      'server.port': port,
      'pgherd.purpose': 'pool',
    });
    expect((await sdk.span('pgherd.acquire')).attributes).toMatchObject({ 'server.port': port });
  });

  it('are not there unless asked for', async () => {
    start();
    await it1.db.drain();
    await it1.db.use((lease) => lease.query('select 1'));
    const names = sdk.spans().map(({ name }) => name);
    expect(names).toEqual(['select']);
  });
});
