import { createRequire } from 'node:module';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { instrument } from 'pgherd/otel';
import { createPool } from 'pgherd/pg';
import { collectMetrics } from 'pgherd/prometheus';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOtelSdk } from '../../src/otel-sdk.ts';
import { createTable, nameOf, open } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'items', 'id int');
});
afterAll(() => cluster?.close());

describe('a failover', () => {
  it('is seen by OpenTelemetry and by Prometheus: roles, the gap, the count', async () => {
    const sdk = startOtelSdk();
    await using db = open(cluster);
    await db.ready({ primaries: 1, standbys: 1 });
    const register = new Registry();
    const otel = instrument({ clusters: { shop: db } });
    const prometheus = collectMetrics({ register, clusters: { shop: db } });
    try {
      const before = nameOf(cluster.primary);
      // What Prometheus has never seen at 0 does not grow.
      for (const name of ['failovers_total', 'failover_gap_seconds_sum', 'outcomes_unknown_total'])
        expect(await register.metrics()).toContain(`pgherd_${name}{cluster="shop"} 0`);
      expect(await register.metrics()).toContain(
        `pgherd_node_role{cluster="shop",node="${before}",role="primary"} 1`,
      );
      await cluster.primary.kill();
      const [, { promoted }] = await Promise.all([
        db.query('insert into items values (1)'),
        cluster.failover({ afterMs: 100 }),
      ]);
      const after = nameOf(promoted);
      const text = await register.metrics();
      expect(text).toContain(`pgherd_node_role{cluster="shop",node="${after}",role="primary"} 1`);
      expect(text).toContain('pgherd_failovers_total{cluster="shop"} 1');
      expect(text).toContain('pgherd_failover_gap_seconds_count{cluster="shop"} 1');
      const all = await sdk.metrics();
      expect(all.get('pgherd.failover.count')?.dataPoints).toMatchObject([{ value: 1 }]);
      expect(all.get('pgherd.failover.gap')?.dataPoints).toMatchObject([{ value: { count: 1 } }]);
      const span = sdk.spans().find(({ name }) => name === 'insert items');
      expect(span?.attributes).toMatchObject({ 'server.port': promoted.port, 'pgherd.role': 'primary' });
    } finally {
      otel.disable();
      prometheus.disable();
      expect(await register.metrics()).not.toContain('pgherd_');
      await sdk.end();
    }
  });
});

describe('beside the instrumentation of pg', () => {
  it('a query of a pool has one span, whether the cluster runs it or pg itself', async () => {
    const sdk = startOtelSdk();
    const instrumentation = new PgInstrumentation();
    const pg = createRequire(import.meta.url)('pg') as typeof import('pg');
    await using db = open(cluster);
    const otel = instrument({ clusters: { shop: db } });
    const shared = createPool(db, { pg, query: 'shared' });
    const guest = createPool(db, { pg });
    const scopesOf = async (work: () => Promise<unknown>) => {
      sdk.spans();
      await work();
      const statements = sdk
        .spans()
        .filter(({ attributes }) => JSON.stringify(attributes).includes('from items'));
      return statements.map(({ instrumentationScope }) => instrumentationScope.name);
    };
    try {
      expect(await scopesOf(() => shared.query('select 1 from items'))).toEqual(['pgherd']);
      expect(await scopesOf(() => guest.query('select 1 from items'))).toEqual([
        '@opentelemetry/instrumentation-pg',
      ]);
    } finally {
      otel.disable();
      instrumentation.disable();
      await Promise.all([shared.end(), guest.end()]);
      await sdk.end();
    }
  });
});
