import { describe, expect, it } from 'vitest';
import type { ConnectFailure } from '../../src/model/names.ts';
import {
  FAILURE_KINDS,
  type FailureKind,
  type Failures,
  isLastingFailure,
  kindOfFailure,
  pauseAfterFailure,
  shortestPauseMs,
} from '../../src/topology/login-pauses.ts';

const FIRST: Failures = {
  kind: 'passing',
  count: 1,
  forMs: 0,
  callsWait: false,
  maxConnections: undefined,
  intervalMs: 1_000,
};
const ALMOST_1 = 1 - Number.EPSILON;

/** Bounds of a pause over all dice. */
function bounds(failures: Partial<Failures>): [number, number] {
  const all = [0, 0.25, 0.5, 0.75, ALMOST_1].map((dice) =>
    pauseAfterFailure({ ...FIRST, ...failures }, dice),
  );
  return [Math.round(Math.min(...all)), Math.round(Math.max(...all))];
}

const upToAQuarterMore = (ms: number): [number, number] => [ms, Math.round(1.25 * ms)];
const aQuarterEitherWay = (ms: number): [number, number] => [Math.round(0.75 * ms), Math.round(1.25 * ms)];
const atMost = (ms: number): [number, number] => [0.75 * ms, ms];

describe('the kind of a failure', () => {
  it.each<[ConnectFailure, boolean, FailureKind]>([
    ['authentication', true, 'password'],
    ['other', true, 'password'],
    ['authentication', false, 'lasting'],
    ['database-missing', false, 'lasting'],
    ['tls', false, 'lasting'],
    ['protocol', false, 'lasting'],
    ['server-too-old', false, 'lasting'],
    ['refused', false, 'refused'],
    ['starting-up', false, 'starting-up'],
    ['timeout', false, 'passing'],
    ['unreachable', false, 'passing'],
    ['name-not-found', false, 'passing'],
    ['closed', false, 'passing'],
    ['too-many-connections', false, 'passing'],
    ['other', false, 'passing'],
  ])('%s, password %s: %s', (failure, isPassword, kind) => {
    expect(kindOfFailure(failure, isPassword)).toBe(kind);
    if (!isPassword) expect(isLastingFailure(failure)).toBe(kind === 'lasting');
  });

  it('none is not lasting', () => expect(isLastingFailure(undefined)).toBe(false));
});

describe('the pause after a refused login', () => {
  it.each([
    [0, 1_000],
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 16_000],
    [6, 30_000],
    [1_000_000, 30_000],
  ])('after %i refusals is %i ms, or a little more', (count, ms) => {
    expect(bounds({ kind: 'lasting', count })).toEqual(upToAQuarterMore(ms));
  });

  it.each([
    [3, 0, atMost(1_000)],
    [9, 9_999, atMost(1_000)],
    [9, 10_000, atMost(5_000)],
    [2, 10_000, upToAQuarterMore(2_000)],
    [30, 59_999, atMost(5_000)],
    [30, 60_000, upToAQuarterMore(30_000)],
  ])('while calls wait, after %i refusals for %i ms: %j', (count, forMs, expected) => {
    expect(bounds({ kind: 'lasting', count, forMs, callsWait: true })).toEqual(expected);
  });
});

describe('the pause after a refused password', () => {
  it.each([
    [0, 1_000],
    [1, 1_000],
    [2, 10_000],
    [3, 30_000],
    [4, 60_000],
    [5, 300_000],
    [1_000_000, 300_000],
  ])('after %i refusals is %i ms, or a little more, whether calls wait or not', (count, ms) => {
    for (const callsWait of [false, true]) {
      expect(bounds({ kind: 'password', count, callsWait })).toEqual(upToAQuarterMore(ms));
    }
  });

  it('four are sent in the first 100 s, and 16 in an hour', () => {
    const sent = (untilMs: number): number => {
      let at = 0;
      let count = 1;
      for (;;) {
        at += pauseAfterFailure({ ...FIRST, kind: 'password', count }, 0);
        if (at > untilMs) return count;
        count += 1;
      }
    };
    expect([sent(100_000), sent(3_600_000)]).toEqual([4, 16]);
  });
});

describe('the pause while a server restarts', () => {
  it.each<[Partial<Failures>, [number, number]]>([
    [{ maxConnections: undefined }, aQuarterEitherWay(100)],
    [{ maxConnections: 100 }, aQuarterEitherWay(100)],
    [{ maxConnections: 200 }, aQuarterEitherWay(100)],
    [{ maxConnections: 1_000 }, aQuarterEitherWay(500)],
    [{ maxConnections: 2_000 }, aQuarterEitherWay(1_000)],
    [{ maxConnections: 100_000 }, aQuarterEitherWay(1_000)],
    [{ maxConnections: 1_000, count: 50, forMs: 59_999 }, aQuarterEitherWay(500)],
    [{ maxConnections: 1_000, count: 50, forMs: 60_000 }, upToAQuarterMore(1_000)],
  ])('that refuses connections, while calls wait: %j', (failures, expected) => {
    expect(bounds({ kind: 'refused', callsWait: true, ...failures })).toEqual(expected);
  });

  it.each<[Partial<Failures>, [number, number]]>([
    [{}, upToAQuarterMore(250)],
    [{ count: 5 }, upToAQuarterMore(800)],
    [{ count: 5, callsWait: true }, upToAQuarterMore(250)],
    [{ count: 50, callsWait: true, forMs: 60_000 }, upToAQuarterMore(1_000)],
  ])('that says that it starts: %j', (failures, expected) => {
    expect(bounds({ kind: 'starting-up', ...failures })).toEqual(expected);
  });

  it('2,000 attempts a second in all, if as many clients run as the server lets in', () => {
    for (const maxConnections of [200, 500, 1_000, 2_000]) {
      const [, longest] = bounds({ kind: 'refused', callsWait: true, maxConnections });
      const mean = longest / 1.25;
      expect((maxConnections * 1_000) / mean).toBeLessThanOrEqual(2_000);
    }
  });
});

describe('the pause after any other failure', () => {
  it.each([
    [1, 50],
    [2, 100],
    [3, 200],
    [5, 800],
    [6, 1_000],
    [1_000_000, 1_000],
  ])('after %i failures is %i ms, or a little more, at most the interval of probes', (count, ms) => {
    for (const callsWait of [false, true]) expect(bounds({ count, callsWait })).toEqual(upToAQuarterMore(ms));
    expect(bounds({ kind: 'refused', count })).toEqual(upToAQuarterMore(ms));
  });
});

describe('whatever becomes known meanwhile', () => {
  it('two attempts are no closer than their kind allows', () => {
    expect(FAILURE_KINDS.map((kind) => [kind, shortestPauseMs(kind)])).toEqual([
      ['password', 2_000],
      ['lasting', 1_000],
      ['refused', 50],
      ['starting-up', 250],
      ['passing', 50],
    ]);
  });
});
