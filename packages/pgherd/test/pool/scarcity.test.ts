import { describe, expect, it } from 'vitest';
import { Scarcity } from '../../src/pool/scarcity.ts';
import { virtualClock } from '../support/virtual-clock.ts';

function setUp(dice = 0.5) {
  const clock = virtualClock();
  const reviews: number[] = [];
  const scarcity = new Scarcity({
    clock,
    random: { next: () => dice },
    max: 10,
    review: () => reviews.push(clock.now()),
  });
  return { clock, scarcity, reviews };
}

describe('scarce resources', () => {
  it('change nothing before there is a sign', () => {
    const { scarcity, clock } = setUp();
    expect([scarcity.isActive, scarcity.limit, scarcity.openable(5), scarcity.isDue(5, clock.now())]).toEqual(
      [false, 10, Number.POSITIVE_INFINITY, false],
    );
  });

  it('are given back one at a time, at once and then within a second, but never the last one', async () => {
    const { scarcity, clock } = setUp();
    expect(scarcity.note('seen', 5)).toBe(true);
    expect(scarcity.note('seen', 5)).toBe(false);
    expect([scarcity.isDue(5, clock.now()), scarcity.isDue(1, clock.now())]).toEqual([true, false]);
    scarcity.noteGivenBack(clock.now());
    expect([clock.now(), clock.now() + 499, clock.now() + 500].map((at) => scarcity.isDue(4, at))).toEqual([
      false,
      false,
      true,
    ]);
    expect(scarcity.isDue(4, clock.now() + 2_000)).toBe(false);
    scarcity.end();
  });

  it('are opened one at a time, and what was given back not at once; the first one always', async () => {
    const { scarcity, clock } = setUp();
    scarcity.note('seen', 5);
    expect([scarcity.openable(0), scarcity.openable(4)]).toEqual([1, 1]);
    scarcity.noteGivenBack(clock.now());
    expect([scarcity.openable(0), scarcity.openable(4)]).toEqual([1, 0]);
    await clock.advance(1_500);
    expect(scarcity.openable(4)).toBe(1);
    scarcity.noteOpening(4);
    expect(scarcity.openable(5)).toBe(0);
    scarcity.end();
  });

  it('lower the limit only after a refusal of one’s own, for five seconds each', async () => {
    const { scarcity, clock } = setUp();
    scarcity.note('seen', 3);
    expect(scarcity.limit).toBe(10);
    scarcity.note('refused', 3);
    expect(scarcity.limit).toBe(3);
    await clock.advance(10_000);
    expect(scarcity.limit).toBe(5);
    scarcity.note('refused', 0);
    expect(scarcity.limit).toBe(1);
    await clock.advance(60_000);
    expect(scarcity.limit).toBe(10);
    scarcity.end();
  });

  it('are so until half a minute after the last sign; then no timer is left', async () => {
    const { scarcity, clock, reviews } = setUp();
    scarcity.note('seen', 3);
    await clock.advance(29_000);
    expect(scarcity.isActive).toBe(true);
    await clock.advance(1_500);
    expect(scarcity.isActive).toBe(false);
    const count = reviews.length;
    expect(count).toBeGreaterThan(100);
    await clock.advance(60_000);
    expect(reviews).toHaveLength(count);
    expect(scarcity.note('seen', 3)).toBe(true);
    scarcity.end();
  });
});
