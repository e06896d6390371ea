import { describe, expect, it } from 'vitest';
import { columnsOf } from '../src/sample/columns.ts';
import { Durations } from '../src/sample/durations.ts';
import { Ring } from '../src/sample/ring.ts';
import { pointAt } from './samples.ts';

describe('durations', () => {
  it('have percentiles that are right to 8 %, and are forgotten once they were taken', () => {
    const durations = new Durations();
    for (let ms = 1; ms <= 1_000; ms++) durations.add(ms);
    const { p50, p95, p99 } = durations.take();
    for (const [value, exact] of [
      [p50, 500],
      [p95, 950],
      [p99, 990],
    ] as const) {
      expect(value).toBeGreaterThanOrEqual(exact);
      expect(value).toBeLessThan(exact * 1.08);
    }
    expect(durations.take()).toEqual({ p50: null, p95: null, p99: null });
  });

  it('keep what is shorter or longer than every bucket in the first and the last one', () => {
    const durations = new Durations();
    durations.add(0);
    expect(durations.take().p99).toBe(0.05);
    durations.add(Number.MAX_VALUE);
    expect(durations.take().p50).toBeGreaterThan(900_000);
  });
});

describe('a ring', () => {
  it('has what came after a sample, oldest first', () => {
    const ring = new Ring<string>(10);
    ring.add(1, 'a');
    ring.add(2, 'b');
    ring.add(2, 'c');
    ring.add(5, 'd');
    expect(ring.after(0)).toEqual(['a', 'b', 'c', 'd']);
    expect(ring.after(1)).toEqual(['b', 'c', 'd']);
    expect(ring.after(4)).toEqual(['d']);
    expect(ring.after(5)).toEqual([]);
  });

  it('keeps so many entries and no more', () => {
    const ring = new Ring<number>(3);
    for (let sample = 1; sample <= 100; sample++) ring.add(sample, sample);
    expect(ring.after(0)).toEqual([98, 99, 100]);
    expect(ring.after(98)).toEqual([99, 100]);
  });
});

describe('columns', () => {
  it('are of one length for every node, also one that came later', () => {
    const columns = columnsOf([
      pointAt(1, { answered: 12.3456, nodes: { a: { lagMs: 5 } } }),
      pointAt(2, { answered: null, nodes: { a: {}, b: { lagMs: 1234.5 } } }),
    ]);
    expect(columns.at).toEqual([1, 2]);
    expect(columns.cluster.answered).toEqual([12.3, null]);
    expect(columns.nodes.map(({ name, columns: { lagMs } }) => [name, lagMs])).toEqual([
      ['a', [5, null]],
      ['b', [null, 1230]],
    ]);
  });

  it('of no points are empty', () => {
    expect(columnsOf([])).toMatchObject({ at: [], cluster: { p99: [] }, nodes: [] });
  });
});
