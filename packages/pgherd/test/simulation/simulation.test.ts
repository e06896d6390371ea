import { describe, expect, it } from 'vitest';
import { MODES, scenarioOf } from './scenario.ts';
import { testEverySecondSeed } from './seeds.ts';
import { DEFAULT_SECONDS, simulate } from './simulate.ts';

const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1);

describe('a seed', () => {
  it.each([3, 7, 24, 86, 270])('replays exactly (%i)', async (seed) => {
    const [one, other] = [await simulate(seed), await simulate(seed)];
    expect(other.trace).toEqual(one.trace);
    expect(other.hash).toBe(one.hash);
  });

  it('is not another seed', async () => {
    const [one, other] = [await simulate(3), await simulate(4)];
    expect(other.hash).not.toBe(one.hash);
  });

  it('decides how the cluster is run, and all ways come up', () => {
    const modes = new Set(SEEDS.map((seed) => scenarioOf(seed, DEFAULT_SECONDS).mode));
    expect([...modes].sort()).toEqual([...MODES].sort());
  });

  it('does something: calls succeed, and some fail', async () => {
    const outcome = await simulate(5);
    expect(outcome.calls).toBeGreaterThan(10);
    expect(outcome.trace.filter((line) => /call \w+ is done/.test(line)).length).toBeGreaterThan(5);
  });
});

describe('every invariant holds, even seeds', () => testEverySecondSeed(2));
