import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectFailure } from '../../src/model/names.ts';
import { isLastingFailure } from '../../src/topology/node.ts';
import {
  type ProbeCircumstances,
  type ProbePlan,
  type ProbeSettings,
  planProbe,
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
  failures: 0,
  probesWithoutPrimary: 0,
  primaryLostAt: undefined,
  connected: true,
  longPollWorks: true,
  now: 100_000,
  dice: 0,
};
const HEALTHY = after(watching('ab'), [
  answer('a', primaryFacts(), { at: 10 }),
  answer('b', standbyFacts(), { at: 10 }),
]);
const LOST = after(HEALTHY, [connectFailed('a', 'refused', { at: 20 })]);

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

describe('when a node is asked next', () => {
  it('every interval while all is well, shortened by up to a quarter', () => {
    expect(pauses('a')).toEqual([750, 1_000]);
    expect(pauses('b')).toEqual([750, 1_000]);
  });

  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [5, 800],
    [6, 1_000],
    [1_000_000, 1_000],
  ])('after %i failures in a row at most %i ms later', (failures, atMost) => {
    expect(pauses('b', HEALTHY, { failures })).toEqual([atMost * 0.75, atMost]);
  });

  it.each([
    [0, 30_000],
    [1, 30_000],
    [2, 60_000],
    [3, 120_000],
    [4, 240_000],
    [5, 300_000],
    [500, 300_000],
  ])('after %i failures that somebody has to mend at most %i ms later', (failures, atMost) => {
    for (const failure of ['authentication', 'database-missing', 'server-too-old'] as const) {
      const topology = after(HEALTHY, [connectFailed('b', failure, { at: 20 })]);
      expect(pauses('b', topology, { failures })).toEqual([atMost * 0.75, atMost]);
    }
  });

  it.each<[ConnectFailure, boolean]>([
    ['authentication', true],
    ['database-missing', true],
    ['server-too-old', true],
    ['tls', true],
    ['refused', false],
    ['timeout', false],
    ['starting-up', false],
    ['too-many-connections', false],
    ['name-not-found', false],
  ])('and %s is such a failure: %s', (failure, lasting) => {
    expect(isLastingFailure(failure)).toBe(lasting);
    expect(isLastingFailure(undefined)).toBe(false);
  });
});

describe('while no primary is known', () => {
  const lostNow = { primaryLostAt: CALM.now - 500 };

  it('a healthy standby is asked by a long poll of half the timeout', () => {
    expect(plan('b', LOST, lostNow)).toEqual({ kind: 'long-poll', boundMs: 450 });
  });

  it.each<[string, Partial<ProbeCircumstances>, Partial<ProbeSettings>, typeof LOST]>([
    ['it is not connected', { connected: false }, {}, LOST],
    ['the server cannot run it', { longPollWorks: false }, {}, LOST],
    ['it is turned off', {}, { longPoll: false }, LOST],
    ['the standby is silent', {}, {}, after(LOST, [silence('b', { at: 1_020 })])],
    ['the node has just left recovery', {}, {}, after(LOST, [hotStandby('b', false, { at: 30 })])],
    ['its role is not known', {}, {}, watching('ab')],
  ])('but in a burst where %s', (_why, circumstances, settings, topology) => {
    const next = plan('b', topology, { ...lostNow, ...circumstances, dice: 1 - Number.EPSILON }, settings);
    expect(next.kind === 'probe' && Math.round(next.afterMs)).toBe(50);
  });

  it.each([
    [9_999, 'long-poll'],
    [10_000, 'probe'],
  ])('after %i ms by %s', (ms, kind) => {
    expect(plan('b', LOST, { primaryLostAt: CALM.now - ms }).kind).toBe(kind);
  });

  it.each([
    [1, 50],
    [3, 200],
    [20, 1_000],
  ])('later, with %i probes in vain, at most every %i ms', (probesWithoutPrimary, atMost) => {
    const long = { primaryLostAt: CALM.now - 60_000, probesWithoutPrimary };
    expect(pauses('b', LOST, long)).toEqual([atMost * 0.75, atMost]);
  });

  it('a primary that may not be believed is no primary', () => {
    const ambiguous = after(watching('abc'), [
      answer('a', primaryFacts(), { at: 10 }),
      answer('b', primaryFacts(), { at: 10 }),
      answer('c', standbyFacts(), { at: 10 }),
    ]);
    expect(plan('c', ambiguous, lostNow).kind).toBe('long-poll');
  });
});

it('no pause is ever nothing, nor longer than the interval where nobody has to mend anything', () => {
  fc.assert(
    fc.property(
      fc.record({
        failures: fc.nat(),
        probesWithoutPrimary: fc.nat(),
        lostForMs: fc.option(fc.nat(100_000), { nil: undefined }),
        connected: fc.boolean(),
        longPollWorks: fc.boolean(),
        dice: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
      fc.record({
        intervalMs: fc.integer({ min: 10, max: 60_000 }),
        timeoutMs: fc.integer({ min: 10, max: 60_000 }),
      }),
      fc.constantFrom(HEALTHY, LOST, watching('ab')),
      fc.constantFrom('a', 'b'),
      ({ lostForMs, ...circumstances }, settings, topology, letter) => {
        const primaryLostAt = lostForMs === undefined ? undefined : CALM.now - lostForMs;
        const next = plan(letter, topology, { ...circumstances, primaryLostAt }, settings);
        if (next.kind === 'long-poll') {
          expect(next.boundMs).toBeGreaterThan(0);
          expect(next.boundMs).toBeLessThanOrEqual(settings.timeoutMs / 2);
          return;
        }
        expect(next.afterMs).toBeGreaterThan(0);
        expect(next.afterMs).toBeLessThanOrEqual(settings.intervalMs);
      },
    ),
  );
});
