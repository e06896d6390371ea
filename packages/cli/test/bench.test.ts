import { describe, expect, it } from 'vitest';
import { loadFor } from '../src/bench/load.ts';
import { announcement, type BenchPlan, hostsElsewhere, mayWrite } from '../src/bench/plan.ts';
import { type BenchCalls, callsOf, comparisonOf } from '../src/bench/report.ts';
import { Tally } from '../src/bench/tally.ts';
import { readConnection } from '../src/connection/plan.ts';

const PLAN: BenchPlan = {
  seconds: 10,
  callers: 4,
  target: 'prefer-standby',
  query: 'select 1',
  write: false,
  isCompared: false,
};

describe('the books of a load test', () => {
  it('know percentiles to three figures, by node and in all', () => {
    const tally = new Tally();
    for (let ms = 1; ms <= 100; ms++) tally.answered(ms <= 60 ? 'db2' : 'db1', ms);
    expect(tally.answeredCount).toBe(100);
    const { p50Ms, p95Ms, p99Ms, maxMs } = tally.latencies;
    for (const [found, exact] of [
      [p50Ms, 50],
      [p95Ms, 95],
      [p99Ms, 99],
      [maxMs, 100],
    ] as const)
      expect(Math.abs(Number(found) - exact)).toBeLessThan(exact / 500);
    expect(tally.nodes.map(({ node, answered }) => [node, answered])).toEqual([
      ['db1', 40],
      ['db2', 60],
    ]);
    expect(Number(tally.nodes[1]?.p50Ms)).toBeCloseTo(30, 1);
  });

  it('count errors by their codes, the most frequent first', () => {
    const tally = new Tally();
    const refused = Object.assign(new Error('too many'), { code: '53300' });
    for (const error of [new Error('odd'), refused, refused, 'text']) tally.failed(error);
    expect(tally.failedCount).toBe(4);
    expect(tally.failures).toEqual([
      { code: null, count: 2, message: 'odd' },
      { code: '53300', count: 2, message: 'too many' },
    ]);
    const sum = new Tally();
    sum.failed(refused);
    sum.add(tally);
    expect(sum.failures[0]).toEqual({ code: '53300', count: 3, message: 'too many' });
    expect(sum.failedCount).toBe(5);
  });

  it('say nothing of times where nothing was answered', () => {
    expect(callsOf(new Tally(), 1_000)).toEqual({
      answered: 0,
      failed: 0,
      perSecond: 0,
      p50Ms: null,
      p95Ms: null,
      p99Ms: null,
      maxMs: null,
    });
  });
});

describe('the load', () => {
  it('has so many callers with one call at a time each, and ends with the last of them', async () => {
    const tally = new Tally();
    let underWay = 0;
    let most = 0;
    const call = async () => {
      most = Math.max(most, ++underWay);
      await new Promise(setImmediate);
      underWay--;
      if (tally.answeredCount === 50) throw new Error('once');
      return 'db1';
    };
    await loadFor(80, new AbortController().signal, 3, call, tally);
    expect(most).toBe(3);
    expect(underWay).toBe(0);
    expect(tally.answeredCount).toBeGreaterThan(49);
  });

  it('ends at once when it is stopped', async () => {
    const stop = new AbortController();
    const call = async () => {
      stop.abort();
      return 'db1';
    };
    expect(await loadFor(60_000, stop.signal, 2, call, new Tally())).toBeLessThan(10_000);
  });
});

describe('what is announced', () => {
  it.each([
    [{}, /^4 callers send "select 1" \(target prefer-standby\) for 10 s/],
    [{ callers: 1, target: 'primary' as const }, /^1 caller send.* \(target primary\)/],
    [{ write: true }, /^Makes the schema pgherd_bench_x with a table of 1000 rows, and drops it at the end/],
    [{ isCompared: true }, /take turns on db1:5432, 3 times each/],
  ])('of %j', (change, pattern) => {
    const text = announcement({ ...PLAN, ...change }, { schema: 'pgherd_bench_x', node: 'db1:5432' }).join(
      '\n',
    );
    expect(text).toMatch(pattern);
    expect(text).toContain('as busy as they can be');
  });

  it.each([
    [{}, false],
    [{ write: true }, true],
    [{ query: 'delete from t' }, false],
    [{ query: 'delete from t', target: 'primary' as const }, true],
    [{ query: 'delete from t', target: 'any' as const }, true],
    [{ target: 'primary' as const }, false],
  ])('%j may write: %s', (change, may) => {
    expect(mayWrite({ ...PLAN, ...change }, 'select 1')).toBe(may);
  });

  it.each([
    ['postgres://app@127.0.0.1:1,localhost:2,[::1]:3/x', []],
    ['postgres://app@127.0.0.1,db2:5433/x', ['db2:5433']],
    ['host=/var/run/postgresql', []],
    ['host=db1 hostaddr=127.0.0.1', []],
    ['host=localhost hostaddr=10.0.0.1', ['localhost:5432']],
  ])('%s has elsewhere %j', (url, elsewhere) => {
    expect(hostsElsewhere(readConnection(url, {}, 'libpq').plan)).toEqual(elsewhere);
  });
});

describe('a comparison', () => {
  const calls = (perSecond: number): BenchCalls => ({
    answered: perSecond,
    failed: 0,
    perSecond,
    p50Ms: 1,
    p95Ms: 2,
    p99Ms: 3,
    maxMs: 4,
  });

  it('is the median of the rounds in which both were answered', () => {
    const rounds = [
      { pgherd: calls(300), pg: calls(100) },
      { pgherd: calls(100), pg: calls(100) },
      { pgherd: calls(220), pg: calls(100) },
      { pgherd: calls(900), pg: calls(0) },
    ];
    expect(comparisonOf('db1', rounds).ratio).toBe(2.2);
    expect(comparisonOf('db1', []).ratio).toBeNull();
  });
});
