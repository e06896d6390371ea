import { beforeAll, describe, expect, test } from 'vitest';
import { boundsOf, PROBES_PER_LOOK } from '../src/cost-bounds.ts';
import type { Cost } from '../src/counted-nodes.ts';
import { type FleetPlan, type FleetRecord, rateOf, runFleet } from '../src/fleet.ts';
import { runOutage } from '../src/outage.ts';

const PLAN: FleetPlan = {
  processes: 20,
  nodes: 3,
  seed: 7,
  withoutPrimaryMs: 3_000,
  waitingCalls: 10,
  trafficEveryMs: undefined,
};
const BOUNDS = boundsOf({
  processes: 20,
  intervalMs: 1_000,
  timeoutMs: 1_000,
  poolMax: 10,
  maxConnections: 1_000,
});
/** All clients have started and settled, ms. */
const SETTLED_MS = 5_000;

describe('a fleet of real clusters going through a failover', () => {
  let record: FleetRecord;

  beforeAll(async () => {
    record = await runFleet(PLAN);
  });

  const peak = (node: string, cost: Cost, from: number, to: number) =>
    rateOf(record.charges, node, cost, from, to).peak;

  test.each(['n0', 'n1', 'n2'])('at rest nobody asks %s more than once an interval', (node) => {
    const { mean, peak: most } = rateOf(record.charges, node, 'probe', SETTLED_MS, record.lostAt);
    expect(most).toBeLessThanOrEqual(BOUNDS.probesAtRest);
    // The dice lengthen the pause by an eighth on average.
    expect(mean).toBeGreaterThan(PLAN.processes * 0.8);
    expect(mean).toBeLessThan(PLAN.processes * 0.95);
  });

  test.each(['n1', 'n2'])('without a primary %s is asked within bounds', (node) => {
    const { lostAt, promotedAt } = record;
    const probes = peak(node, 'probe', lostAt, promotedAt);
    expect(probes).toBeGreaterThan(PLAN.processes);
    expect(probes).toBeLessThanOrEqual(BOUNDS.probesWithoutPrimary);
    expect(peak(node, 'long-poll', lostAt, promotedAt)).toBeLessThanOrEqual(BOUNDS.probesWithoutPrimary);
  });

  test('the lost node is tried within bounds, soon once an interval', () => {
    const { lostAt, rejoinedAt } = record;
    const first = peak('n0', 'monitor-connect', lostAt, lostAt + 1_000);
    expect(first).toBeGreaterThan(PLAN.processes);
    expect(first).toBeLessThanOrEqual(BOUNDS.monitorConnects);
    const later = peak('n0', 'monitor-connect', lostAt + 2_000, record.promotedAt);
    expect(later).toBeLessThanOrEqual(BOUNDS.monitorConnectsLater);
    // Calls begin to wait, and are served within milliseconds.
    const served = peak('n0', 'monitor-connect', record.promotedAt, record.promotedAt + 1_000);
    expect(served).toBeLessThanOrEqual(BOUNDS.monitorConnectsWaited);
    const rest = peak('n0', 'monitor-connect', record.promotedAt + 2_000, rejoinedAt);
    expect(rest).toBeLessThanOrEqual(BOUNDS.monitorConnectsLater);
  });

  test('pools open no more connections to the new primary than they may have', () => {
    const { promotedAt, rejoinedAt } = record;
    const opened = record.charges.filter(
      ({ node, cost, at }) => node === 'n1' && cost === 'pool-connect' && at >= promotedAt && at < rejoinedAt,
    );
    expect(opened.length).toBeGreaterThan(0);
    expect(opened.length).toBeLessThanOrEqual(BOUNDS.poolConnects);
  });

  test('the first write finds a connection that need not be asked once more', () => {
    const { promotedAt, firstWrites } = record;
    const first = promotedAt + (firstWrites[0] ?? 0);
    expect(rateOf(record.charges, 'n1', 'validation', promotedAt, first).peak).toBe(0);
  });

  test('every client writes again', () => {
    expect(record.firstWrites).toHaveLength(PLAN.processes);
    expect(record.firstWrites.at(-1)).toBeLessThan(100);
  });

  test('afterwards all are at rest again', () => {
    const { rejoinedAt, endedAt } = record;
    for (const node of ['n0', 'n1', 'n2']) {
      expect(peak(node, 'probe', rejoinedAt + SETTLED_MS, endedAt)).toBeLessThanOrEqual(BOUNDS.probesAtRest);
    }
  });

  test('at rest nobody asks after more than one probe in ten how many connection slots are taken', () => {
    // Each process has more than one connection to the new primary alone.
    const from = record.promotedAt + 15_000;
    const { peak: most } = rateOf(record.charges, 'n1', 'slots', from, record.endedAt);
    const looks = rateOf(record.charges, 'n1', 'slots', from, record.endedAt).mean;
    const probes = rateOf(record.charges, 'n1', 'probe', from, record.endedAt).mean;
    expect(looks).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(BOUNDS.looksAtRest);
    expect(looks).toBeLessThanOrEqual(probes / (PROBES_PER_LOOK - 2));
  });
});

test('the same seed gives the same record, another one another', async () => {
  const small = { ...PLAN, processes: 3 };
  const [once, again, other] = [
    await runFleet(small),
    await runFleet(small),
    await runFleet({ ...small, seed: 8 }),
  ];
  expect(again).toEqual(once);
  expect(other.charges).not.toEqual(once.charges);
});

describe('a fleet whose calls wait for one server', () => {
  const plan = { processes: 20, seed: 7, waitingCalls: 10, outMs: 5_000 };

  test('that restarts: it is tried within bounds, and each client writes soon after it is back', async () => {
    const { charges, outAt, backAt, firstWrites } = await runOutage({ ...plan, how: 'restart' });
    const { mean, peak } = rateOf(charges, 'n0', 'monitor-connect', outAt, backAt);
    expect(peak).toBeLessThanOrEqual(BOUNDS.monitorConnectsWaited);
    expect(mean).toBeLessThanOrEqual(plan.processes * 2.5);
    expect(firstWrites).toHaveLength(plan.processes);
    // 0.5 ms for each of the 1,000 connections, and a quarter more.
    expect(firstWrites.at(-1)).toBeLessThan(700);
  });

  test('that refuses logins: it is tried within bounds, and each client writes soon after the repair', async () => {
    const { charges, outAt, backAt, firstWrites } = await runOutage({ ...plan, how: '28000' });
    const { peak } = rateOf(charges, 'n0', 'monitor-connect', outAt + 1_000, backAt);
    expect(peak).toBeLessThanOrEqual(BOUNDS.loginsWaited);
    expect(rateOf(charges, 'n0', 'pool-connect', outAt + 1_000, backAt).peak).toBe(0);
    expect(firstWrites.at(-1)).toBeLessThan(1_100);
  });

  test('that refuses the password: it is sent by steps that waiting calls do not shorten', async () => {
    const { charges, outAt, backAt } = await runOutage({ ...plan, how: '28P01', outMs: 100_000 });
    const sent = charges.filter(({ at, cost }) => cost.endsWith('connect') && at >= outAt && at < backAt);
    expect(sent.length).toBeLessThanOrEqual(BOUNDS.passwords);
    expect(sent.length).toBeGreaterThanOrEqual(plan.processes * 4);
  });
});
