import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/model/observation.ts';
import type { TopologyDescription } from '../../src/model/topology.ts';
import { type Effects, effects } from '../../src/topology/effects.ts';
import { NO_LABELS } from '../../src/topology/node.ts';
import {
  initialTopology,
  type ListedNode,
  startedTopology,
  withIncumbent,
  withLagMattering,
  withNodes,
  withWritesOpen,
} from '../../src/topology/topology.ts';
import {
  addressOf,
  after,
  answer,
  bytes,
  connectFailed,
  hotStandby,
  named,
  primaryFacts,
  SETTINGS,
  silence,
  standbyFacts,
  watching,
} from '../support/evidence.ts';

const HEALTHY = after(watching('abc'), [
  answer('a', primaryFacts(), { at: 10 }),
  answer('b', standbyFacts(), { at: 10 }),
  answer('c', standbyFacts(), { at: 10 }),
]);
const WRITTEN = withIncumbent(HEALTHY, named('a'), SETTINGS, 15);
const LOST = after(WRITTEN, [connectFailed('a', 'refused', { at: 20 })]);

/** What follows from this evidence. */
function following(before: TopologyDescription, ...observations: Observation[]): Effects {
  return effects(before, after(before, observations));
}

/** A node of the list; c is not promotable. */
function listed(letter: string): ListedNode {
  return { address: addressOf(letter), labels: { ...NO_LABELS, promotable: letter !== 'c' } };
}

function poolsOf({ pools }: Effects): string {
  return pools.map(({ node, isOk }) => `${node.charAt(0)}${isOk ? '+' : ''}`).join(' ');
}

interface Case {
  readonly name: string;
  readonly effects: Effects;
  /** Letters of the nodes whose pools follow, with `+` if connections may be opened. */
  readonly pools: string;
  readonly hint: Effects['hint'];
  readonly prepare?: string;
  readonly changes: readonly string[];
  readonly wake: Effects['wake'];
}

const CASES: readonly Case[] = [
  {
    name: 'an answer that says the same: nothing',
    effects: following(WRITTEN, answer('a', primaryFacts(), { at: 1_010 })),
    pools: '',
    hint: 'none',
    changes: [],
    wake: 'none',
  },
  {
    name: 'the first answer of a node: its pool may open connections',
    effects: following(watching('ab'), answer('b', standbyFacts(), { at: 10 })),
    pools: 'b+',
    hint: 'none',
    changes: ['health', 'role'],
    wake: 'all',
  },
  {
    name: 'a standby whose lag changed: those who asked for a limit choose again',
    effects: following(WRITTEN, answer('b', standbyFacts({ lsn: 900n }), { at: 1_010 })),
    pools: '',
    hint: 'none',
    changes: [],
    wake: 'lag',
  },
  {
    name: 'a lost primary: everything is asked, and every standby made ready',
    effects: following(WRITTEN, connectFailed('a', 'refused', { at: 20 })),
    pools: 'a',
    hint: 'monitors-and-discovery',
    prepare: 'bc',
    changes: ['health', 'primary'],
    wake: 'all',
  },
  {
    name: 'a lost primary before the first write: nothing is made ready',
    effects: following(HEALTHY, connectFailed('a', 'refused', { at: 20 })),
    pools: 'a',
    hint: 'monitors-and-discovery',
    changes: ['health', 'primary'],
    wake: 'all',
  },
  {
    name: 'a standby that fell silent: the others are asked',
    effects: following(WRITTEN, silence('b', { at: 1_020 })),
    pools: 'b',
    hint: 'monitors',
    changes: ['health'],
    wake: 'all',
  },
  {
    name: 'a standby that stays silent: nothing more',
    effects: following(
      after(WRITTEN, [silence('b', { at: 1_020, askedAt: 20 })]),
      silence('b', { at: 2_020, askedAt: 1_020 }),
    ),
    pools: '',
    hint: 'none',
    changes: [],
    wake: 'none',
  },
  {
    name: 'bytes of a silent standby: its pool may open connections again',
    effects: following(after(WRITTEN, [silence('b', { at: 1_020 })]), bytes('b', { at: 1_030 })),
    pools: 'b+',
    hint: 'none',
    changes: ['health'],
    wake: 'all',
  },
  {
    name: 'a standby that left recovery: it is made ready, and gets no writes before its timeline is known',
    effects: following(LOST, hotStandby('b', false, { at: 30 })),
    pools: '',
    hint: 'none',
    prepare: 'b',
    changes: ['role'],
    wake: 'all',
  },
  {
    name: 'its timeline: writes go there, and what the lost primary still holds ends',
    effects: following(
      after(LOST, [hotStandby('b', false, { at: 30 })]),
      answer('b', primaryFacts({ timeline: 2 }), { at: 40 }),
    ),
    pools: 'a',
    hint: 'none',
    changes: ['standing', 'primary'],
    wake: 'all',
  },
  {
    name: 'writes that are open although a node has not answered: waiting calls choose again',
    effects: effects(watching('ab'), withWritesOpen(watching('ab'))),
    pools: '',
    hint: 'none',
    changes: [],
    wake: 'all',
  },
  {
    name: 'a first lag limit: nothing for now',
    effects: effects(WRITTEN, withLagMattering(WRITTEN)),
    pools: '',
    hint: 'none',
    changes: [],
    wake: 'none',
  },
];

describe('what follows from a change of the picture', () => {
  it.each(CASES)('$name', (one) => {
    const { changes, hint, prepare, wake } = one.effects;
    expect(poolsOf(one.effects)).toBe(one.pools);
    expect(hint).toBe(one.hint);
    expect(prepare).toEqual([...(one.prepare ?? '')].map(named));
    expect(changes.map(({ kind }) => kind)).toEqual(one.changes);
    expect(wake).toBe(one.wake);
  });

  it('a standby that is silent is not made ready when the primary is lost, nor one that is not promotable', () => {
    const labelled = withNodes(WRITTEN, [...'abc'].map(listed), undefined, SETTINGS, 16);
    expect(following(labelled, connectFailed('a', 'refused', { at: 20 })).prepare).toEqual([named('b')]);
    const silent = after(labelled, [silence('b', { at: 1_020, askedAt: 20 })]);
    expect(following(silent, connectFailed('a', 'refused', { at: 1_030 })).prepare).toEqual([]);
  });
});

describe('the picture itself says', () => {
  it('since when there is no node to write to', () => {
    expect(initialTopology([addressOf('a')]).primaryLostAt).toBeUndefined();
    expect(watching('ab').primaryLostAt).toBe(0);
    expect(WRITTEN.primaryLostAt).toBeUndefined();
    expect(LOST.primaryLostAt).toBe(20);
    expect(after(LOST, [silence('b', { at: 1_020, askedAt: 20 })]).primaryLostAt).toBe(20);
    expect(
      after(LOST, [answer('b', primaryFacts({ timeline: 2 }), { at: 30 })]).primaryLostAt,
    ).toBeUndefined();
  });

  it('whether the first write may go out: once every node has answered or failed, and from then on', () => {
    const one = after(watching('ab'), [answer('a', primaryFacts(), { at: 10 })]);
    expect(one.writesOpen).toBe(false);
    for (const last of [
      answer('b', standbyFacts(), { at: 20 }),
      connectFailed('b', 'refused', { at: 20 }),
      silence('b', { at: 1_020, askedAt: 20 }),
    ]) {
      const both = after(one, [last]);
      expect(both.writesOpen).toBe(true);
      expect(withNodes(both, [...'abc'].map(listed), undefined, SETTINGS, 1_030).writesOpen).toBe(true);
    }
    const unwatched = startedTopology(initialTopology([addressOf('a')]), 0);
    expect(unwatched.writesOpen).toBe(false);
    expect(withWritesOpen(unwatched)).toMatchObject({ writesOpen: true, version: unwatched.version + 1 });
  });

  it('whether lag matters: once the cluster or a call has set a limit', () => {
    expect(WRITTEN.lagMatters).toBe(false);
    const mattering = withLagMattering(WRITTEN);
    expect(mattering).toMatchObject({ lagMatters: true, version: WRITTEN.version + 1 });
    expect(withLagMattering(mattering)).toBe(mattering);
    const limited = { ...SETTINGS, lag: { maxMs: 100, maxBytes: undefined } };
    const seen = after(watching('a'), [answer('a', primaryFacts(), { at: 10 })], limited);
    expect(seen.lagMatters).toBe(true);
  });
});
