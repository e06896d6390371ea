import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlannedFault, schedule } from '../../src/chaos/schedule.ts';
import { Soak } from '../../src/chaos/soak.ts';
import { FAULTS } from '../../src/faults.ts';
import { disagreements, misdirected } from '../../src/invariants.ts';

const EVERYTHING = process.env['CI'] !== undefined;
/** How long an outage that ends by itself lasts, milliseconds. */
const HOLD_MS = EVERYTHING ? 1_500 : 600;
/** What `failover.test.ts` does already, without proxies; run in CI and with `CI=1`. */
const ALSO_ELSEWHERE: ReadonlySet<string> = new Set([
  'primary killed',
  'primary stopped immediately',
  'primary stopped fast',
  'primary frozen',
  'switchover',
  'primary frozen and back',
  'standby killed',
  'standby frozen',
  'all nodes paused',
]);

const CHOSEN = FAULTS.filter(({ name }) => EVERYTHING || !ALSO_ELSEWHERE.has(name));

describe('under load, with every commit confirmed by a standby', () => {
  let soak: Soak;
  beforeAll(async () => {
    soak = await Soak.start();
  });
  afterAll(async () => {
    expect(await soak?.close()).toEqual([]);
  });

  it.each(
    CHOSEN.map((fault, index) => [fault.name, fault, index] as const),
  )('%s', async (_name, fault, index) => {
    const report = await soak.inflict({
      fault,
      calmMs: 0,
      pick: index % 2 === 0 ? 0 : 0.5,
      holdMs: Math.min(HOLD_MS, fault.maxHoldMs),
      afterMs: 200,
    });
    expect(report.violations).toEqual([]);
    expect(report.calls).toBeGreaterThan(0);
  });
});

describe('the judges see what is wrong', () => {
  const moments = [
    { timeline: 1, node: 'a:1', at: 0, sentCount: 0, lastId: 0 },
    { timeline: 2, node: 'b:1', at: 10, sentCount: 2, lastId: 2 },
  ];
  const sent = (order: number, node: string) => ({
    order,
    node,
    text: 'insert',
    values: [order],
    at: order,
    settled: true,
  });

  it('a write that goes below the timeline seen, and none before it was seen', () => {
    expect(misdirected(moments, [sent(1, 'a:1'), sent(2, 'a:1'), sent(3, 'b:1')])).toEqual([]);
    expect(misdirected(moments, [sent(3, 'a:1')])).toEqual([
      'insert [3] was sent to a:1 when timeline 2 of b:1 had been seen',
    ]);
  });

  it('lost, repeated and unreported writes', () => {
    const books = { acknowledged: new Set([1, 2]), unknown: new Set([3]) };
    const rows = (...ids: number[]) => ids.map((id) => ({ id, at: 0 }));
    expect(disagreements(books, rows(1, 2))).toEqual([]);
    expect(disagreements(books, rows(1, 2, 3))).toEqual([]);
    expect(disagreements(books, rows(1, 1, 4))).toEqual([
      '1 writes ran twice',
      'acknowledged writes are lost: 2',
      'writes are there that failed for their caller: 4',
    ]);
  });
});

describe('the schedule of a soak', () => {
  function drawn(seed: number, count: number): PlannedFault[] {
    const faults = schedule(seed);
    return Array.from({ length: count }, () => faults.next().value);
  }

  it('is fixed by its seed', () => {
    expect(drawn(7, 100)).toEqual(drawn(7, 100));
    expect(drawn(7, 100)).not.toEqual(drawn(8, 100));
  });

  it('brings every fault, and dice within their limits', () => {
    const many = drawn(7, 2_000);
    expect(new Set(many.map(({ fault }) => fault))).toEqual(new Set(FAULTS));
    for (const { fault, holdMs, pick } of many) {
      expect(holdMs).toBeLessThanOrEqual(fault.maxHoldMs);
      expect(pick).toBeLessThan(1);
    }
  });
});
