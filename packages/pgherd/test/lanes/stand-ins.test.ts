import { describe, expect, it } from 'vitest';
import { TRIAL_MS } from '../../src/lanes/plan.ts';
import { StandIns } from '../../src/lanes/stand-ins.ts';
import { virtualClock } from '../support/virtual-clock.ts';

/** StandIns of a node, whose pool never gives a connection. */
function standInsOf(state: { wanted: number; hesitates: boolean }) {
  const clock = virtualClock();
  let sent = 0;
  let dismissed = 0;
  const standIns = new StandIns({
    clock,
    max: () => 3,
    wanted: () => state.wanted,
    hesitates: () => state.hesitates,
    lease: (_search, queued) => {
      sent++;
      return new Promise<undefined>((_resolve, reject) => {
        queued((why) => {
          dismissed++;
          reject(why);
        });
      });
    },
    came: () => undefined,
    elsewhere: () => undefined,
    failed: () => undefined,
  });
  return { standIns, clock, seen: () => ({ sent, dismissed, queued: standIns.queued }) };
}

describe('stand-ins', () => {
  it('are as many as are wanted, as far as the pool goes, and go when they are not', async () => {
    const state = { wanted: 2, hesitates: false };
    const { standIns, seen } = standInsOf(state);
    standIns.adjust();
    expect(seen()).toEqual({ sent: 2, dismissed: 0, queued: 2 });
    state.wanted = 50;
    standIns.adjust();
    expect(seen()).toEqual({ sent: 3, dismissed: 0, queued: 3 });
    state.wanted = 1;
    standIns.adjust();
    await Promise.resolve();
    expect(seen()).toEqual({ sent: 3, dismissed: 2, queued: 1 });
  });

  it('are not sent out while a lane is tried, and are when that takes too long', async () => {
    const state = { wanted: 2, hesitates: true };
    const { standIns, clock, seen } = standInsOf(state);
    standIns.adjust();
    standIns.adjust();
    await clock.advance(TRIAL_MS - 1);
    expect(seen()).toEqual({ sent: 0, dismissed: 0, queued: 0 });
    state.hesitates = false;
    await clock.advance(1);
    expect(seen()).toEqual({ sent: 2, dismissed: 0, queued: 2 });
  });

  it('who are there already stay while a lane is tried', () => {
    const state = { wanted: 1, hesitates: false };
    const { standIns, seen } = standInsOf(state);
    standIns.adjust();
    Object.assign(state, { wanted: 3, hesitates: true });
    standIns.adjust();
    expect(seen()).toEqual({ sent: 1, dismissed: 0, queued: 1 });
  });

  it('are sent out as soon as the lane has answered', async () => {
    const state = { wanted: 2, hesitates: true };
    const { standIns, clock, seen } = standInsOf(state);
    standIns.adjust();
    Object.assign(state, { hesitates: false });
    standIns.adjust();
    expect(seen()).toMatchObject({ sent: 2 });
    await clock.advance(TRIAL_MS);
    expect(seen()).toMatchObject({ sent: 2 });
  });
});
