import { describe, expect, it } from 'vitest';
import { type Idleness, idlenessAfter, RestWatch, type Use } from '../../src/rest/rest.ts';
import { virtualClock } from '../support/virtual-clock.ts';

describe('what a look shows', () => {
  const SEEN: Idleness = { count: 7, since: 100 };
  const TABLE: readonly (readonly [string, Idleness | undefined, Use, number])[] = [
    ['the first look', undefined, { count: 7, isBusy: false }, 500],
    ['nothing since the last one', SEEN, { count: 7, isBusy: false }, 100],
    ['something goes on', SEEN, { count: 7, isBusy: true }, 500],
    ['something has gone on meanwhile', SEEN, { count: 8, isBusy: false }, 500],
    ['a node that was used has left, with its counts', SEEN, { count: 3, isBusy: false }, 500],
  ];

  it.each(TABLE)('%s', (_what, before, use, since) => {
    expect(idlenessAfter(before, use, 500)).toEqual({ count: use.count, since });
  });
});

describe('a cluster that is looked at', () => {
  function watched(restAfterMs: number) {
    const clock = virtualClock();
    const state = { count: 0, isBusy: false, rests: [] as number[] };
    const watch = new RestWatch(restAfterMs, {
      clock,
      use: () => ({ count: state.count, isBusy: state.isBusy }),
      rest: (idleMs) => state.rests.push(idleMs),
    });
    return { clock, state, watch };
  }

  it('rests after the time, at most a tenth of it later, and looks no more', async () => {
    const { clock, state, watch } = watched(1_000);
    expect(watch.start()).toBeUndefined();
    await clock.advance(950);
    state.count++;
    await clock.advance(950);
    expect(state.rests).toEqual([]);
    await clock.advance(150);
    expect(state.rests).toEqual([1_000]);
    expect(watch.isResting).toBe(true);
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(watch.start()).toBe(60_050);
    expect(watch).toMatchObject({ isResting: false, wokenAt: clock.now() });
    await clock.advance(1_100);
    expect(state.rests).toEqual([1_000, 1_000]);
  });

  it('does not rest while it is touched, held, or kept awake', async () => {
    const { clock, state, watch } = watched(1_000);
    watch.start();
    for (let round = 0; round < 10; round++) {
      await clock.advance(900);
      watch.touch();
    }
    const release = watch.hold();
    await clock.advance(10_000);
    release();
    let isKept = true;
    watch.keepAwake(() => isKept);
    await clock.advance(10_000);
    expect(state.rests).toEqual([]);
    isKept = false;
    await clock.advance(2_000);
    expect(state.rests).toHaveLength(1);
  });

  it('never rests with 0, and needs no timer for it', async () => {
    const { clock, state, watch } = watched(0);
    watch.start();
    expect(clock.pending).toBe(0);
    await clock.advance(10_000_000);
    expect(state.rests).toEqual([]);
  });

  it('looks no more once it is stopped', () => {
    const { clock, watch } = watched(1_000);
    watch.start();
    watch.stop();
    expect(clock.pending).toBe(0);
  });
});
