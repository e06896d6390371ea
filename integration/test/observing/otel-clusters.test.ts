import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { instrument, type Telemetry } from 'pgherd/otel';
import { collectMetrics } from 'pgherd/prometheus';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OtelSdk, startOtelSdk } from '../../src/otel-sdk.ts';
import { nameOf, open } from '../../src/support.ts';

let cluster: TestCluster;
let sdk: OtelSdk;
let telemetry: Telemetry | undefined;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
});
// What a gauge had once, the SDK reports for ever.
beforeEach(() => {
  sdk = startOtelSdk();
});
afterEach(async () => {
  telemetry?.disable();
  telemetry = undefined;
  await sdk.end();
});
afterAll(() => cluster?.close());

/** The clusters of which a metric has values. */
async function clustersOf(metric: string): Promise<unknown[]> {
  const points = (await sdk.metrics()).get(metric)?.dataPoints ?? [];
  return [...new Set(points.map(({ attributes }) => attributes['pgherd.cluster']))].sort();
}

/** Counts of a histogram by cluster, of calls with this summary. */
async function callsOf(summary: string): Promise<Record<string, number>> {
  const points = (await sdk.metrics()).get('db.client.operation.duration')?.dataPoints ?? [];
  const mine = points.filter(({ attributes }) => attributes['db.query.summary'] === summary);
  return Object.fromEntries(
    mine.map(({ attributes, value }) => [
      String(attributes['pgherd.cluster']),
      (value as { count: number }).count,
    ]),
  );
}

describe('clusters that are reported', () => {
  it('are kept apart by the names that they were given', async () => {
    await using shop = open(cluster);
    await using stock = open(cluster);
    telemetry = instrument({ clusters: { shop, stock } });
    await shop.query('values (1)');
    await stock.query('values (1)');
    await stock.query('values (1)');
    expect(await callsOf('values')).toEqual({ shop: 1, stock: 2 });
    expect(await clustersOf('db.client.connection.max')).toEqual(['shop', 'stock']);
    const roles = sdk.spans().map(({ attributes }) => attributes['pgherd.role']);
    expect(roles).toEqual(['primary', 'primary', 'primary']);
  });

  it('are added later, and removed again, while calls go on', async () => {
    await using shop = open(cluster);
    telemetry = instrument();
    await shop.query('table pg_am');
    expect(await callsOf('table')).toEqual({ app: 1 });
    expect(await clustersOf('db.client.connection.max')).toEqual([]);
    const remove = telemetry.add('late', shop);
    // The same text, whose series is known already.
    await shop.query('table pg_am');
    expect(await callsOf('table')).toEqual({ app: 1, late: 1 });
    expect(await clustersOf('db.client.connection.max')).toEqual(['late']);
    expect(() => telemetry?.add('late', shop)).toThrow(/reported already/);
    remove();
    await shop.query('table pg_am');
    expect(await callsOf('table')).toEqual({ app: 2, late: 1 });
    // Free again, also its name.
    telemetry.add('late', shop);
  });

  it('are reported no more after disable, and a second one may begin', async () => {
    await using shop = open(cluster);
    telemetry = instrument({ clusters: { shop } });
    await shop.query('show all');
    telemetry.disable();
    telemetry.disable();
    sdk.spans();
    await shop.query('show all');
    expect(sdk.spans()).toEqual([]);
    expect(await callsOf('show')).toEqual({ shop: 1 });
    telemetry = instrument({ clusters: { shop } });
    await shop.query('show all');
    expect(await callsOf('show')).toEqual({ shop: 2 });
  });
});

const RAISED = 300;

/** Has a function raise as many errors, each with an SQLSTATE of its own. */
async function raiseAll(db: Cluster): Promise<void> {
  for (let number = 1; number <= RAISED; number++) {
    const state = `Z${String(number).padStart(4, '0')}`;
    await expect(
      db.query(`do $$ begin raise exception using errcode = '${state}'; end $$`),
    ).rejects.toThrow();
  }
}

describe('errors', () => {
  it('have few values of an attribute of metrics, whatever an application raises and throws', async () => {
    await using shop = open(cluster);
    telemetry = instrument({ clusters: { shop } });
    await raiseAll(shop);
    const points = (await sdk.metrics()).get('db.client.operation.duration')?.dataPoints ?? [];
    const types = new Set(points.map(({ attributes }) => attributes['error.type']));
    expect(types.size).toBeLessThanOrEqual(202);
    expect(types).toContain('_OTHER');
    const states = new Set(points.map(({ attributes }) => attributes['db.response.status_code']));
    expect(states.size).toBeLessThanOrEqual(202);
  });
});

describe('collectMetrics', () => {
  it('keeps clusters apart, and takes late ones', async () => {
    await using shop = open(cluster);
    await using stock = open(cluster);
    const register = new Registry();
    const prometheus = collectMetrics({ register, clusters: { shop } });
    try {
      await shop.query('select 1');
      const off = prometheus.add('stock', stock);
      await stock.query('select 1');
      const node = nameOf(cluster.primary);
      const text = await register.metrics();
      for (const name of ['shop', 'stock'])
        expect(text).toContain(
          `pgherd_call_duration_seconds_count{cluster="${name}",node="${node}",verb="query",error=""} 1`,
        );
      expect(text).toContain('pgherd_node_up{cluster="stock"');
      off();
      const left = await register.metrics();
      expect(left).not.toContain('cluster="stock"');
      expect(left).toContain('pgherd_node_up{cluster="shop"');
      expect(left).toContain('pgherd_call_duration_seconds_count{cluster="shop"');
      expect(left).toContain('pgherd_failovers_total{cluster="shop"}');
    } finally {
      prometheus.disable();
    }
  });

  it('keeps what a closed cluster has counted, and gives its name to the next one', async () => {
    const register = new Registry();
    const prometheus = collectMetrics({ register });
    const calls = async () =>
      (await register.metrics())
        .split('\n')
        .find((line) => line.startsWith('pgherd_call_duration_seconds_count{cluster="shop"'))
        ?.split(' ')
        .at(-1);
    try {
      const first = open(cluster);
      const off = prometheus.add('shop', first);
      await first.query('select 1');
      await first.close();
      expect(await calls()).toBe('1');
      await using second = open(cluster);
      prometheus.add('shop', second);
      await second.query('select 1');
      // It is not the first one's name any more.
      off();
      expect(await calls()).toBe('2');
    } finally {
      prometheus.disable();
    }
  });

  it('has few values of a label, whatever an application raises and throws', async () => {
    await using shop = open(cluster);
    const register = new Registry();
    const prometheus = collectMetrics({ register, clusters: { shop } });
    try {
      await raiseAll(shop);
      const lines = (await register.metrics())
        .split('\n')
        .filter((line) => line.startsWith('pgherd_call_duration_seconds_count'));
      const counts = new Map(
        lines.map((line) => [/error="([^"]*)"/.exec(line)?.[1] ?? '', Number(line.split(' ').at(-1))]),
      );
      expect(counts.size).toBeLessThanOrEqual(202);
      expect(counts.get('Z0001')).toBe(1);
      expect(counts.get('_OTHER')).toBe(RAISED - 200);
    } finally {
      prometheus.disable();
    }
  });
});
