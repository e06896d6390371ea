import { describe, expect, it } from 'vitest';
import { dialLimitMs, type LoginTimes, withLogin } from '../../src/monitor/dial-limit.ts';

const SETTINGS = { timeoutMs: 1_000, connectTimeoutMs: 5_000 };

describe('the limit of an attempt of the monitor to connect', () => {
  it.each<[string, boolean, LoginTimes, number]>([
    ['the first one gets the time of every connection', false, [], 5_000],
    ['so does any to a node that was not ok, however quick it was before', false, [5, 5], 5_000],
    ['a node that was ok and quick gets as long as a probe', true, [5, 9], 1_000],
    ['a slow one three times its slowest login', true, [400, 700, 500], 2_100],
    ['never longer than every connection', true, [3_000], 5_000],
    ['a node that is ok without a login of ours as long as a probe', true, [], 1_000],
  ])('%s', (_what, wasOk, times, limit) => {
    expect(dialLimitMs(wasOk, times, SETTINGS)).toBe(limit);
  });

  it('is never longer than connectTimeoutMs, even if a probe may take longer', () => {
    expect(dialLimitMs(true, [], { timeoutMs: 9_000, connectTimeoutMs: 500 })).toBe(500);
  });

  it('remembers eight logins', () => {
    let times: LoginTimes = [];
    for (let ms = 1_000; ms < 1_020; ms++) times = withLogin(times, ms);
    expect(times).toEqual([1_012, 1_013, 1_014, 1_015, 1_016, 1_017, 1_018, 1_019]);
  });
});
