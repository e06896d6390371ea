import { describe, expect, it } from 'vitest';
import { Ledger } from '../src/demo/ledger.ts';
import { percentile, Series } from '../src/demo/series.ts';

function seriesAt(...times: number[]): Series {
  const series = new Series();
  for (const atMs of times) series.add(atMs, 1);
  return series;
}

describe('Series.longestGap', () => {
  it.each([
    { title: 'between two answers', times: [10, 20, 70, 80], from: 0, to: 100, now: 100, gap: 50 },
    { title: 'from the begin of the workload', times: [40, 50], from: 0, to: 60, now: 60, gap: 40 },
    {
      title: 'up to now while nothing is answered',
      times: [10],
      from: 0,
      to: Number.POSITIVE_INFINITY,
      now: 90,
      gap: 80,
    },
    { title: 'that began before the window', times: [10, 60, 70], from: 50, to: 100, now: 75, gap: 50 },
    {
      title: 'that ends after the window, up to its end',
      times: [10, 20, 200],
      from: 0,
      to: 50,
      now: 300,
      gap: 30,
    },
    { title: 'that covers the window', times: [10, 200], from: 50, to: 100, now: 300, gap: 90 },
    { title: 'without any answer', times: [], from: 0, to: 50, now: 30, gap: 30 },
    {
      title: 'that ended before the window counts no more',
      times: [10, 90, 95],
      from: 95,
      to: 99,
      now: 99,
      gap: 5,
    },
  ])('finds a silence $title', ({ times, from, to, now, gap }) => {
    expect(seriesAt(...times).longestGap(from, to, now)).toBe(gap);
  });
});

describe('Series', () => {
  it('counts from the begin of a span up to but not including its end', () => {
    expect(seriesAt(0, 10, 10, 20, 30).countBetween(10, 30)).toBe(3);
  });

  it('knows durations by the time of the answer', () => {
    const series = new Series();
    series.add(5, 1);
    series.add(15, 2);
    series.add(25, 3);
    expect(series.durationsBetween(10, 25)).toEqual([2]);
  });
});

describe('percentile', () => {
  it.each([
    { values: [], share: 0.5, expected: undefined },
    { values: [7], share: 0.99, expected: 7 },
    { values: [3, 1, 2], share: 0.5, expected: 2 },
    { values: [4, 1, 3, 2], share: 0.5, expected: 2 },
    { values: Array.from({ length: 100 }, (_, index) => index + 1), share: 0.99, expected: 99 },
    { values: [1, 2], share: 0, expected: 1 },
  ])('of $share is $expected', ({ values, share, expected }) => {
    expect(percentile(values, share)).toBe(expected);
  });
});

describe('Ledger', () => {
  const unknown = Object.assign(new Error('no answer'), { code: 'PGHERD_OUTCOME_UNKNOWN' });

  it('enters a call into the event that had begun last when it ended', () => {
    const ledger = new Ledger();
    ledger.begin('undisturbed', 0);
    ledger.writeAcknowledged(1, 10, 4);
    ledger.begin('switchover', 20);
    ledger.writeAcknowledged(2, 20, 15);
    ledger.readAnswered(30, 2);
    ledger.callFailed('write', 3, new Error('boom'), 35, 1);
    ledger.callFailed('write', 4, unknown, 36, 1);
    ledger.callFailed('read', undefined, new Error('boom'), 37, 1);
    const [first, second] = ledger.summaries(40);
    expect(first).toMatchObject({ name: 'undisturbed', fromMs: 0, toMs: 20, writes: 1, failedWrites: 0 });
    expect(second).toEqual({
      name: 'switchover',
      fromMs: 20,
      toMs: 40,
      writeStallMs: 20,
      readStallMs: 30,
      slowestWriteMs: 15,
      slowestReadMs: 2,
      writes: 1,
      reads: 1,
      failedWrites: 1,
      failedReads: 1,
      unknownOutcome: 1,
    });
  });

  it('counts a silence of several events in each, and at full length where it ends', () => {
    const ledger = new Ledger();
    ledger.begin('undisturbed', 0);
    ledger.writeAcknowledged(1, 10, 1);
    ledger.begin('primary-killed', 100);
    ledger.begin('old-primary-rejoined', 200);
    ledger.writeAcknowledged(2, 250, 1);
    expect(ledger.summaries(260).map(({ writeStallMs }) => writeStallMs)).toEqual([90, 190, 240]);
  });

  it('tells unknown outcomes from failures, by the code alone, and for writes only', () => {
    const ledger = new Ledger();
    ledger.callFailed('write', 1, unknown, 1, 1);
    ledger.callFailed('write', 2, new Error('PGHERD_OUTCOME_UNKNOWN'), 1, 1);
    ledger.callFailed('read', undefined, unknown, 1, 1);
    expect(ledger.idsOf('unknown')).toEqual([1]);
    expect(ledger.idsOf('failed')).toEqual([2]);
    expect(ledger.count('read', 'failed')).toBe(1);
    expect(ledger.failures[0]?.reason).toBe('PGHERD_OUTCOME_UNKNOWN: no answer');
  });
});
