import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TopologyDescription } from '../../src/model/topology.ts';
import {
  type ProbeCircumstances,
  type ProbePlan,
  type ProbeSettings,
  planProbe,
  startDelayMs,
} from '../../src/topology/probe-plan.ts';
import {
  after,
  answer,
  connectFailed,
  hotStandby,
  named,
  primaryFacts,
  silence,
  standbyFacts,
  watching,
} from '../support/evidence.ts';

const SETTINGS: ProbeSettings = { intervalMs: 1_000, timeoutMs: 900, longPoll: true };
const CALM: ProbeCircumstances = {
  failures: undefined,
  connected: true,
  longPollWorks: true,
  now: 100_000,
  dice: 0,
};
const HEALTHY = after(watching('ab'), [
  answer('a', primaryFacts(), { at: 10 }),
  answer('b', standbyFacts(), { at: 10 }),
]);
const LOST = lostSince(500, after(HEALTHY, [connectFailed('a', 'refused', { at: 20 })]));

/** The same picture, with the primary lost so many milliseconds ago. */
function lostSince(ms: number, topology = LOST): TopologyDescription {
  return { ...topology, primaryLostAt: CALM.now - ms };
}

function plan(
  letter: string,
  topology = HEALTHY,
  circumstances: Partial<ProbeCircumstances> = {},
  settings: Partial<ProbeSettings> = {},
): ProbePlan {
  const node = topology.nodes.find((one) => one.name === named(letter));
  if (node === undefined) throw new Error(`no node ${letter}`);
  return planProbe(node, topology, { ...SETTINGS, ...settings }, { ...CALM, ...circumstances });
}

/** Bounds of the pause over all dice. */
function pauses(letter: string, topology = HEALTHY, circumstances: Partial<ProbeCircumstances> = {}) {
  const all = [0, 0.25, 0.5, 0.75, 1 - Number.EPSILON].map((dice) => {
    const next = plan(letter, topology, { ...circumstances, dice });
    return next.kind === 'probe' ? next.afterMs : Number.NaN;
  });
  return [Math.min(...all), Math.round(Math.max(...all))];
}

/** The bounds of a pause of `ms` over all dice. */
function spread(ms: number): [number, number] {
  return [ms, Math.round(ms * 1.25)];
}

describe('when a node is asked next', () => {
  it('every interval while all is well, never sooner, and up to a quarter later', () => {
    expect(pauses('a')).toEqual([1_000, 1_250]);
    expect(pauses('b')).toEqual([1_000, 1_250]);
  });

  it('after a failed attempt to connect when its pause is over, primary or not', () => {
    const failures = {
      kind: 'passing',
      count: 3,
      forMs: 500,
      callsWait: false,
      maxConnections: 100,
    } as const;
    expect(pauses('b', HEALTHY, { failures })).toEqual(spread(200));
    expect(pauses('b', LOST, { failures })).toEqual(spread(200));
    expect(pauses('b', LOST, { failures: { ...failures, kind: 'lasting' } })).toEqual(spread(4_000));
  });
});

describe('while no primary is known', () => {
  it('a healthy standby is asked by a long poll of half the timeout', () => {
    expect(plan('b', LOST)).toEqual({ kind: 'long-poll', boundMs: 450, stepMs: 5 });
  });

  it.each<[string, Partial<ProbeCircumstances>, Partial<ProbeSettings>, typeof LOST]>([
    ['it is not connected', { connected: false }, {}, LOST],
    ['the server cannot run it', { longPollWorks: false }, {}, LOST],
    ['it is turned off', {}, { longPoll: false }, LOST],
    ['the standby is silent', {}, {}, after(LOST, [silence('b', { at: 1_020 })])],
    ['the node has just left recovery', {}, {}, after(LOST, [hotStandby('b', false, { at: 30 })])],
    ['its role is not known', {}, {}, watching('ab')],
  ])('but in a burst where %s', (_why, circumstances, settings, topology) => {
    const next = plan('b', lostSince(500, topology), circumstances, settings);
    expect(next).toEqual({ kind: 'probe', afterMs: 50 });
  });

  it('a healthy standby is asked by the same long poll while the primary owes an answer', () => {
    expect(plan('b', HEALTHY, { primaryIsLate: true })).toEqual({
      kind: 'long-poll',
      boundMs: 450,
      stepMs: 5,
    });
    expect(plan('a', HEALTHY, { primaryIsLate: true }).kind).toBe('probe');
    expect(plan('b', HEALTHY, { primaryIsLate: true, connected: false }).kind).toBe('probe');
    expect(plan('b', HEALTHY, { primaryIsLate: true }, { longPoll: false }).kind).toBe('probe');
  });

  it('a long poll ends up to a quarter sooner, so that those of many clients do not end together', () => {
    const next = plan('b', LOST, { dice: 1 - Number.EPSILON });
    expect(next).toEqual({ kind: 'long-poll', boundMs: 337, stepMs: 5 });
  });

  it.each([
    [0, 5, 450],
    [1_999, 5, 450],
    [2_000, 20, 900],
    [9_999, 20, 900],
    [10_000, 100, 900],
    [59_999, 100, 900],
  ])('after %i ms a long poll looks every %i ms for %i ms', (ms, stepMs, boundMs) => {
    const next = plan('b', lostSince(ms));
    expect(next).toEqual({ kind: 'long-poll', boundMs, stepMs });
  });

  it.each([
    [0, 50],
    [1_999, 50],
    [2_000, 100],
    [9_999, 100],
    [10_000, 500],
    [59_999, 500],
  ])('after %i ms a burst asks every %i ms', (ms, pauseMs) => {
    expect(pauses('b', lostSince(ms), { longPollWorks: false })).toEqual(spread(pauseMs));
  });

  it('after a minute every node is probed as at rest', () => {
    expect(pauses('b', lostSince(60_000))).toEqual(spread(1_000));
  });

  it('no node is probed less often than at rest', () => {
    const soon = plan('b', LOST, { longPollWorks: false }, { intervalMs: 20 });
    expect(soon).toEqual({ kind: 'probe', afterMs: 20 });
  });

  it('a primary that may not be believed is no primary', () => {
    const ambiguous = after(watching('abc'), [
      answer('a', primaryFacts(), { at: 10 }),
      answer('b', primaryFacts(), { at: 10 }),
      answer('c', standbyFacts(), { at: 10 }),
    ]);
    expect(plan('c', lostSince(500, ambiguous)).kind).toBe('long-poll');
  });
});

describe('a node that traffic proves alive', () => {
  const busy = { trafficAt: CALM.now - 999 };

  it('is left alone twice as long', () => {
    expect(pauses('a', HEALTHY, busy)).toEqual(spread(2_000));
    expect(pauses('b', HEALTHY, busy)).toEqual(spread(2_000));
  });

  it.each<[string, Partial<ProbeCircumstances>, typeof HEALTHY]>([
    ['the last answer is an interval old', { trafficAt: CALM.now - 1_000 }, HEALTHY],
    ['there was none', { trafficAt: undefined }, HEALTHY],
    ['lag is to be measured', busy, { ...HEALTHY, lagMatters: true }],
    [
      'it is too old to tell its role unasked',
      busy,
      after(HEALTHY, [answer('b', standbyFacts({ serverVersion: 130_022 }), { at: 20 })]),
    ],
    ['a probe was missed', busy, after(HEALTHY, [silence('b', { at: 1_020 })])],
  ])('but not where %s', (_why, circumstances, topology) => {
    expect(pauses('b', topology, circumstances)).toEqual(spread(1_000));
  });

  it('and not while no primary is known', () => {
    expect(plan('b', LOST, busy)).toEqual({ kind: 'long-poll', boundMs: 450, stepMs: 5 });
  });
});

describe('when watching begins', () => {
  it.each([
    [0, 0, 0],
    [3, 0, 0],
    [4, 0, 10],
    [5, 10, 20],
    [28, 240, 250],
    [29, 0, 250],
    [1_000, 0, 250],
  ])('for node %i between %i and %i ms after the start', (index, earliest, latest) => {
    expect(startDelayMs(index, 0)).toBe(earliest);
    expect(startDelayMs(index, 1 - Number.EPSILON)).toBeCloseTo(latest, 6);
  });
});

it('no pause is ever nothing, nor much longer than two intervals without a lasting failure', () => {
  fc.assert(
    fc.property(
      fc.record({
        failures: fc.constant(undefined),
        connected: fc.boolean(),
        longPollWorks: fc.boolean(),
        trafficAt: fc.option(fc.integer({ min: CALM.now - 5_000, max: CALM.now }), { nil: undefined }),
        dice: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
      fc.record({
        intervalMs: fc.integer({ min: 10, max: 60_000 }),
        timeoutMs: fc.integer({ min: 10, max: 60_000 }),
      }),
      fc.record({
        known: fc.constantFrom(HEALTHY, LOST, watching('ab')),
        lostForMs: fc.option(fc.nat(100_000), { nil: undefined }),
        lagMatters: fc.boolean(),
      }),
      fc.constantFrom('a', 'b'),
      (circumstances, settings, { known, lostForMs, lagMatters }, letter) => {
        const primaryLostAt = lostForMs === undefined ? undefined : CALM.now - lostForMs;
        const next = plan(letter, { ...known, primaryLostAt, lagMatters }, circumstances, settings);
        if (next.kind === 'long-poll') {
          expect(next.boundMs).toBeGreaterThan(0);
          expect(next.boundMs).toBeLessThanOrEqual(settings.timeoutMs);
          return;
        }
        expect(next.afterMs).toBeGreaterThan(0);
        const proven = circumstances.trafficAt !== undefined && !lagMatters ? 2 : 1;
        expect(next.afterMs).toBeLessThanOrEqual(settings.intervalMs * proven * 1.25);
        if (primaryLostAt === undefined) {
          expect(next.afterMs).toBeGreaterThanOrEqual(settings.intervalMs);
        }
      },
    ),
  );
});
