import { describe, expect, it } from 'vitest';
import type { LeaderAnswer, LeaderAnswers } from '../../src/floors/contest.ts';
import { ContestLoop } from '../../src/herd/contest-loop.ts';
import { ContestWatch } from '../../src/herd/contest-watch.ts';
import type { Contest } from '../../src/model/floors.ts';
import type { TopologyDescription } from '../../src/model/topology.ts';
import { Emitter } from '../../src/observe/emitter.ts';
import type { ClusterEvents } from '../../src/observe/events.ts';
import { withLeaderAnswers } from '../../src/topology/arbitrate.ts';
import { withIncumbent } from '../../src/topology/topology.ts';
import { after, answer, named, primaryFacts, SETTINGS, standbyFacts, watching } from '../support/evidence.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const LEASE = { ...SETTINGS, authority: true };

/** `a` was written to, and `c` claims a higher timeline. */
function contested(): TopologyDescription {
  const known = after(
    watching('abc'),
    [
      answer('a', primaryFacts(), { at: 10 }),
      answer('b', standbyFacts(), { at: 11 }),
      answer('c', standbyFacts(), { at: 12 }),
    ],
    LEASE,
  );
  const written = withIncumbent(known, named('a'), LEASE, 15);
  return after(written, [answer('c', primaryFacts({ timeline: 2 }), { at: 20 })], LEASE);
}

function loopWith(replies: (avoid: readonly string[]) => Promise<readonly LeaderAnswer[]>, dice = 0.5) {
  const clock = virtualClock(100);
  const asked: { readonly at: number; readonly avoid: readonly string[] }[] = [];
  const answered: (LeaderAnswers & { readonly at: number })[] = [];
  const loop = new ContestLoop({
    clock,
    random: { next: () => dice },
    ask: (avoid) => {
      asked.push({ at: clock.now(), avoid });
      return replies(avoid);
    },
    answered: (answers) => answered.push({ ...answers, at: clock.now() }),
  });
  return { clock, asked, answered, loop };
}

const SAYS_A = [{ leader: named('a'), from: 'b' }];
const never = () => new Promise<never>(() => undefined);

describe('a discovery that holds a lease', () => {
  it('is asked after a random pause, away from the host of the node that was written to', async () => {
    const { answered, asked, clock, loop } = loopWith(async () => SAYS_A);
    loop.follow(contested());
    await clock.advance(124);
    expect(asked).toEqual([]);
    await clock.advance(1);
    expect(asked).toEqual([{ at: 225, avoid: ['a'] }]);
    expect(answered).toEqual([{ askedAt: 225, answers: SAYS_A, at: 225 }]);
  });

  it('is asked again every five seconds, more or less, and at once when a role changes', async () => {
    const { asked, clock, loop } = loopWith(async () => SAYS_A);
    const picture = contested();
    loop.follow(picture);
    await clock.advance(125);
    const decided = withLeaderAnswers(picture, { askedAt: 225, answers: SAYS_A }, LEASE, 226);
    loop.follow(decided);
    await clock.advance(5_624);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked.map(({ at }) => at)).toEqual([225, 5_850]);
    loop.follow(decided);
    await clock.advance(1_000);
    loop.follow(after(decided, [answer('b', primaryFacts({ timeline: 2 }), { at: 6_000 })], LEASE));
    await clock.advance(125);
    expect(asked.at(-1)?.at).toBe(6_975);
  });

  it.each([
    ['does not answer', never],
    ['fails', () => Promise.reject(new Error('refused'))],
  ])('that %s counts as one that says nothing, within two seconds of the claim', async (_what, replies) => {
    const { answered, clock, loop } = loopWith(replies);
    loop.follow(contested());
    await clock.advance(2_000);
    expect(answered).toHaveLength(1);
    expect(answered[0]).toMatchObject({ askedAt: 225, answers: [] });
    expect(answered[0]?.at).toBeLessThanOrEqual(2_100);
  });

  it('is not asked without a contest, and a question is dropped when the contest is over or the cluster closed', async () => {
    const { answered, asked, clock, loop } = loopWith(never);
    loop.follow(watching('abc'));
    expect(clock.pending).toBe(0);
    loop.follow(contested());
    await clock.advance(300);
    loop.follow(watching('abc'));
    await clock.advance(10_000);
    loop.follow(contested());
    loop.stop();
    await clock.advance(10_000);
    expect([asked.length, answered.length, clock.pending]).toEqual([1, 0, 0]);
  });
});

describe('a contest is reported', () => {
  const OPEN: Contest = {
    claims: ['a 1 1', 'c 1 2'],
    claimants: ['a:5432', 'c:5432'],
    since: 0,
    state: 'open',
    holder: undefined,
    answers: {},
  };
  const DECIDED: Contest = { ...OPEN, state: 'decided', holder: 'a:5432', answers: { b: 'a:5432' } };

  it('once it is decided, then ever less often, and when it ends', async () => {
    const clock = virtualClock();
    const events = new Emitter<ClusterEvents>(() => undefined);
    const told: string[] = [];
    events.on('cluster:contested', ({ holder }) => told.push(`${clock.now()} ${holder}`));
    events.on('cluster:contest-ended', ({ claimants }) =>
      told.push(`${clock.now()} ended ${claimants.join()}`),
    );
    const watch = new ContestWatch(clock, events);
    watch.follow(OPEN);
    expect(told).toEqual([]);
    watch.follow(DECIDED);
    watch.follow({ ...DECIDED });
    await clock.advance(250_000);
    expect(told).toEqual(['0 a:5432', '30000 a:5432', '90000 a:5432', '210000 a:5432']);
    watch.follow({ ...DECIDED, holder: 'c:5432' });
    watch.follow(undefined);
    expect(told.slice(4)).toEqual(['250000 c:5432', '250000 ended a:5432,c:5432']);
    expect(clock.pending).toBe(0);
  });
});
