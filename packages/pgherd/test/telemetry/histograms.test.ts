import { describe, expect, it } from 'vitest';
import { Histograms } from '../../src/telemetry/histograms.ts';

const clock = { wallTime: () => 1_000 };
const LABELS = { overflow: true };
const OVERFLOW = () => LABELS;

describe('a histogram', () => {
  it('counts a value in the bucket of the first boundary that it does not exceed', () => {
    const series = new Histograms(OVERFLOW, clock).series('callDuration', { a: 'b' });
    for (const value of [0, 0.001, 0.0011, 0.005, 9.9, 10, 10.1, 1_000]) series.record(value);
    expect(series.counts).toEqual([2, 2, 0, 0, 0, 0, 0, 0, 2, 2]);
    expect([series.count, series.min, series.max, series.since]).toEqual([8, 0, 1_000, 1_000]);
    expect(series.sum).toBeCloseTo(0.001 + 0.0011 + 0.005 + 9.9 + 10 + 10.1 + 1_000, 6);
  });

  it('finds a series by its labels, in any order, and without those that are not known', () => {
    const histograms = new Histograms(OVERFLOW, clock);
    const one = histograms.series('waitTime', { a: '1', b: '2', c: undefined });
    expect(histograms.series('waitTime', { b: '2', a: '1' })).toBe(one);
    expect(histograms.series('waitTime', { a: '1' })).not.toBe(one);
    expect(histograms.series('createTime', { a: '1', b: '2' })).not.toBe(one);
    expect(histograms.all().map(({ metric, series }) => [metric.otel, series.length])).toEqual([
      ['db.client.connection.create_time', 1],
      ['db.client.connection.wait_time', 2],
    ]);
  });

  it('keeps 1,999 series apart, and counts the others together', () => {
    const limited = new Histograms(OVERFLOW, clock);
    for (let at = 0; at < 3_000; at++) limited.series('callDuration', { at }).record(1);
    expect(limited.of('callDuration').series).toHaveLength(2_000);
    expect(limited.series('callDuration', { at: 2_999 })).toMatchObject({ labels: LABELS, count: 1_001 });
    expect(limited.series('callDuration', { at: 7 }).count).toBe(1);
  });

  it('forgets the series that have some labels, in all metrics', () => {
    const histograms = new Histograms(OVERFLOW, clock);
    for (const cluster of ['shop', 'stock'])
      for (const node of ['a', 'b']) {
        histograms.series('callDuration', { cluster, node }).record(1);
        histograms.series('waitTime', { cluster, node }).record(1);
      }
    histograms.remove({ cluster: 'shop' });
    for (const metric of ['callDuration', 'waitTime'] as const)
      expect(histograms.of(metric).series.map(({ labels }) => labels['cluster'])).toEqual(['stock', 'stock']);
    expect(histograms.series('callDuration', { cluster: 'shop', node: 'a' }).count).toBe(0);
  });
});
