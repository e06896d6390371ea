import { describe, expect, it } from 'vitest';
import {
  admission,
  connectionsForLong,
  joinsFromQueue,
  type LaneView,
  longJoins,
  longRoom,
  planLimits,
  TRIAL_MS,
  triesLane,
} from '../../src/lanes/plan.ts';

const NOW = 1_000;
const LIMITS = planLimits({ maxDepth: 200, maxWrites: 16, maxQueueMs: 2 });

/** A lane whose only statement is a quick read that was sent this instant. */
function lane(state: Partial<LaneView> = {}): LaneView {
  return {
    depth: 1,
    writes: 0,
    queueMs: 0.1,
    riskMs: 0,
    barring: 0,
    headSince: NOW,
    headMs: 0.1,
    slackMs: 0,
    leaving: false,
    shares: true,
    isOpen: true,
    untriedSince: undefined,
    ...state,
  };
}

describe('whether a statement that has just come joins a lane', () => {
  it.each<[string, Partial<LaneView>, boolean, ReturnType<typeof admission>]>([
    ['there is room', {}, false, 'joins'],
    ['a closed one takes nothing, however empty', { isOpen: false, depth: 0 }, false, 'waits'],
    ['behind 2 ms of others', { queueMs: 2 }, false, 'joins'],
    ['behind more only to learn how long it takes', { queueMs: 2.1 }, false, 'on-trial'],
    ['behind long ones not even so', { queueMs: 20.1 }, false, 'waits'],
    ['behind a head that takes longer than it should, to learn', { headSince: NOW - 19 }, false, 'on-trial'],
    ['behind one that is stuck, not', { headSince: NOW - 21 }, false, 'waits'],
    ['a write behind as many writes as may be unknown, not', { depth: 16, writes: 16 }, true, 'waits'],
    ['a read there', { depth: 16, writes: 16 }, false, 'joins'],
    ['a full lane takes nothing', { depth: 200 }, false, 'waits'],
    ['behind a write of which nothing is known, not even to learn', { barring: 1 }, false, 'waits'],
    ['nor behind what is full of surprises', { riskMs: 1.1 }, false, 'waits'],
  ])('%s', (_what, state, writes, expected) => {
    expect(admission(lane(state), { writes, aloneUntil: 0 }, NOW, LIMITS)).toBe(expected);
  });
});

describe('whether a statement that waits joins a lane', () => {
  it.each<[string, Partial<LaneView>, boolean, boolean]>([
    ['behind five times as much as one that has just come', { queueMs: 10 }, false, true],
    ['behind more not', { queueMs: 10.1 }, false, false],
    ['behind surprises that cost twice maxQueueMs and a twentieth of its wait', { riskMs: 4.5 }, false, true],
    ['but no more', { riskMs: 4.6 }, false, false],
    ['nor behind a write of which nothing is known', { barring: 1 }, false, false],
    ['a closed lane takes nothing', { isOpen: false }, false, false],
    ['a write behind sixteen others neither', { depth: 16, writes: 16 }, true, false],
  ])('%s', (_what, state, writes, expected) => {
    const waiting = { writes, aloneUntil: 0, since: NOW - 10 };
    expect(joinsFromQueue(lane(state), waiting, NOW, LIMITS)).toBe(expected);
  });

  it.each<[string, number | undefined, Partial<LaneView>, boolean]>([
    ['a long one, if no other waits', undefined, {}, true],
    ['if the others came later', NOW - 4, {}, true],
    ['and not before one that came earlier', NOW - 6, {}, false],
    ['nor where there is no room', undefined, { queueMs: 20 }, false],
  ])('%s', (_what, firstSince, state, expected) => {
    const long = { since: NOW - 5, writes: false, aloneUntil: 0 };
    expect(longJoins(lane(state), long, firstSince, NOW, LIMITS)).toBe(expected);
  });
});

describe('whether the first answer of a lane is waited for before another connection is opened', () => {
  it.each<[string, Partial<LaneView>[], boolean]>([
    ['there is none', [], false],
    ['it has answered', [{}], false],
    ['it has not', [{}, { untriedSince: NOW - TRIAL_MS + 1 }], true],
    ['for too long', [{ untriedSince: NOW - TRIAL_MS }], false],
    ['it runs a long statement', [{ untriedSince: NOW, headMs: 20 }], false],
    ['it is not shared', [{ untriedSince: NOW, shares: false }], false],
  ])('%s', (_what, states, expected) => {
    expect(triesLane(states.map(lane), NOW)).toBe(expected);
  });
});

describe('how many lanes long statements may take', () => {
  it.each<[string, Partial<LaneView>[], number, number]>([
    ['all but one while short ones come', [], NOW - 19, 3],
    ['any number once none has come for a while', [], NOW - 20, Number.POSITIVE_INFINITY],
    ['as long as a short one runs, all but one', [{}], NOW - 500, 3],
    ['those that run count', [{ queueMs: 30 }, { queueMs: 40 }], NOW, 1],
    [
      'lanes that are empty are no short ones',
      [{ depth: 0, queueMs: 0 }],
      NOW - 20,
      Number.POSITIVE_INFINITY,
    ],
  ])('%s', (_what, states, shortAt, expected) => {
    expect(longRoom(states.map(lane), shortAt, NOW, 4)).toBe(expected);
  });
});

describe('how many long statements wait for a connection', () => {
  it.each<[string, number, number, number, number, number]>([
    ['as many as may be opened', Number.POSITIVE_INFINITY, 10, 3, 2, 5],
    ['as many as there is room for', 2, 10, 3, 2, 2],
    ['none, if all connections are lanes or waited for', 5, 10, 6, 6, 0],
    ['none, if there is no room', -1, 10, 0, 0, 0],
  ])('%s', (_what, room, max, lanes, waiting, expected) => {
    expect(connectionsForLong(room, max, lanes, waiting)).toBe(expected);
  });
});
