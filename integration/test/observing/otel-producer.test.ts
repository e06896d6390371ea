import { metrics } from '@opentelemetry/api';
import { DataPointType, type HistogramMetricData, type MetricData } from '@opentelemetry/sdk-metrics';
import { createMetricProducer, instrument, type Telemetry } from 'pgherd/otel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { type OtelSdk, startOtelSdk } from '../../src/otel-sdk.ts';
import { rejection } from '../../src/support.ts';

const it1 = oneClient(['items (id int primary key)']);
const metricProducer = createMetricProducer();
let sdk: OtelSdk;
let telemetry: Telemetry | undefined;

beforeAll(() => {
  sdk = startOtelSdk({ metricProducers: [metricProducer] });
});
afterEach(() => {
  telemetry?.disable();
  telemetry = undefined;
});
afterAll(() => sdk?.end());

const DURATION = 'db.client.operation.duration';

function histogram(all: ReadonlyMap<string, MetricData>, name: string): HistogramMetricData {
  const found = all.get(name);
  if (found?.dataPointType !== DataPointType.HISTOGRAM) throw new Error(`${name} is no histogram`);
  return found;
}

/** The series of calls with this summary. */
async function series(summary: string, error?: string) {
  const { dataPoints } = histogram(await sdk.metrics(), DURATION);
  return dataPoints.filter(
    ({ attributes }) => attributes['db.query.summary'] === summary && attributes['error.type'] === error,
  );
}

describe('a producer of metrics', () => {
  it('gives the reader what the meters of the SDK would, with the same attributes', async () => {
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false });
    await it1.db.query('select 1 from items');
    const ofMeters = histogram(await sdk.metrics(), DURATION);
    telemetry.disable();
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false, metricProducer });
    await it1.db.query('select 1 from items');
    const [produced] = (await metricProducer.collect()).resourceMetrics.scopeMetrics;
    const ofProducer = produced?.metrics.find(({ descriptor }) => descriptor.name === DURATION);
    expect(produced?.scope.name).toBe('pgherd');
    const { advice: _advice, ...descriptor } = ofMeters.descriptor as typeof ofMeters.descriptor & {
      advice?: unknown;
    };
    expect(descriptor).toMatchObject({ ...ofProducer?.descriptor });
    expect(ofProducer).toMatchObject({
      aggregationTemporality: ofMeters.aggregationTemporality,
      dataPointType: ofMeters.dataPointType,
    });
    const [one] = ofMeters.dataPoints.filter(
      (point) => point.attributes['db.query.summary'] === 'select items',
    );
    const [other] = ofProducer?.dataPoints ?? [];
    expect(other?.attributes).toEqual(one?.attributes);
    expect(other?.value.buckets.boundaries).toEqual(one?.value.buckets.boundaries);
    expect(Object.keys(other?.value ?? {}).sort()).toEqual(Object.keys(one?.value ?? {}).sort());
    expect(other?.value.count).toBe(1);
  });

  it('counts every call once, in the bucket of its duration, and goes on counting between two readings', async () => {
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false, metricProducer });
    const text = 'select pg_sleep($1::float8) from (select 1) as once';
    await it1.db.query(text, [0.02]);
    await Promise.all(Array.from({ length: 40 }, () => it1.db.query(text, [0])));
    const [first] = await series('select select');
    expect(first?.value.count).toBe(41);
    const { buckets, sum, min, max, count } = first?.value ?? {};
    expect(buckets?.counts.reduce((all, one) => all + one, 0)).toBe(count);
    expect(max).toBeGreaterThanOrEqual(0.02);
    expect(sum).toBeGreaterThanOrEqual(max ?? 1);
    expect(min).toBeLessThan(max ?? 0);
    // 20 ms lie above the boundary of 10 ms.
    expect(buckets?.counts.slice(3).reduce((all, one) => all + one, 0)).toBeGreaterThanOrEqual(1);
    await it1.db.query(text, [0]);
    const [second] = await series('select select');
    expect(second?.value.count).toBe(42);
    expect(second?.startTime).toEqual(first?.startTime);
    expect(second?.endTime).not.toEqual(first?.endTime);
    expect(Math.abs((second?.endTime[0] ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
  });

  it('counts calls that failed apart, by SQLSTATE', async () => {
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false, metricProducer });
    for (let round = 0; round < 3; round++) await rejection(it1.db.query('select x from items'));
    const [failed] = await series('select items', '42703');
    expect(failed?.value.count).toBe(3);
    expect(failed?.attributes['db.response.status_code']).toBe('42703');
  });

  it('keeps 2,000 series apart, and counts the others together', async () => {
    const other = createMetricProducer();
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false, metricProducer: other });
    for (let at = 0; at < 2_010; at++)
      await it1.db.query(`with t${at} as (select 1 as n) select n from t${at}`);
    const [scope] = (await other.collect()).resourceMetrics.scopeMetrics;
    const points = scope?.metrics.find(({ descriptor }) => descriptor.name === DURATION)?.dataPoints ?? [];
    expect(points).toHaveLength(2_000);
    const overflow = points.find(({ attributes }) => attributes['otel.metric.overflow'] === true);
    expect(overflow?.value.count).toBe(11);
  });

  it('has no part in counters and gauges, which the meters keep', async () => {
    telemetry = instrument({ clusters: { shop: it1.db }, spans: false, metricProducer });
    await it1.db.query('select 1');
    const all = await sdk.metrics();
    expect(all.get('db.client.connection.max')?.dataPoints).toHaveLength(1);
    expect(all.get('pgherd.failover.count')?.dataPoints).toMatchObject([{ value: 0 }]);
  });

  it('is refused unless pgherd has made it, and begins nothing then', () => {
    expect(() => instrument({ metricProducer: { collect: metricProducer.collect } })).toThrow(
      /metricProducer is an object, but must be what createMetricProducer\(\) returns/,
    );
    telemetry = instrument();
    expect(metrics.getMeterProvider()).toBeDefined();
  });
});
