import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/model/observation.ts';
import type { TopologyDescription } from '../../src/model/topology.ts';
import { type Disposal, disposeConnections } from '../../src/topology/disposition.ts';
import { writableNode } from '../../src/topology/writable.ts';
import {
  after,
  answer,
  connectFailed,
  hotStandby,
  named,
  OTHER_SYSTEM,
  primaryFacts,
  silence,
  standbyFacts,
  watching,
} from '../support/evidence.ts';

const EVERYTHING = { disposition: 'destroy' } as const;
const READS_MOVE = { disposition: 'move-reads' } as const;
const GONE = { disposition: 'withdraw' } as const;
const DEMOTED = { disposition: 'drain' } as const;
const NOTHING = { disposition: 'keep', reason: '' } as const;

const PAIR = [answer('a', primaryFacts(), { at: 10 }), answer('b', standbyFacts(), { at: 10 })];
const PROMOTED = answer('b', primaryFacts({ timeline: 2 }), { at: 2_000 });

const CASES: readonly {
  readonly name: string;
  readonly before: readonly Observation[];
  readonly next: Observation;
  readonly of: string;
  readonly disposal: Partial<Disposal>;
}[] = [
  {
    name: 'an answer that tells the same: nothing',
    before: PAIR,
    next: answer('a', primaryFacts(), { at: 20 }),
    of: 'a',
    disposal: NOTHING,
  },
  { name: 'a promotion: nothing', before: PAIR, next: PROMOTED, of: 'b', disposal: NOTHING },
  {
    name: 'a higher timeline elsewhere: everything, at once',
    before: PAIR,
    next: PROMOTED,
    of: 'a',
    disposal: { ...EVERYTHING, reason: 'stale: timeline 1, but timeline 2 has been seen out of recovery' },
  },
  {
    name: 'silence: reads and waiting callers move, writes that were sent wait',
    before: PAIR,
    next: silence('a', { at: 1_020 }),
    of: 'a',
    disposal: READS_MOVE,
  },
  {
    name: 'a server that is full: waiting callers move, what runs goes on',
    before: PAIR,
    next: connectFailed('a', 'too-many-connections', { at: 1_020 }),
    of: 'a',
    disposal: { disposition: 'redirect', reason: 'it was too-many-connections' },
  },
  {
    name: 'a server that was full and is silent until it is offline: its reads move as well',
    before: [
      ...PAIR,
      connectFailed('a', 'too-many-connections', { at: 20 }),
      silence('a', { at: 1_030, askedAt: 30 }),
    ],
    next: silence('a', { at: 5_030, askedAt: 4_030 }),
    of: 'a',
    disposal: GONE,
  },
  {
    name: 'silence that goes on: nothing more',
    before: [...PAIR, silence('a', { at: 1_020, askedAt: 20 })],
    next: silence('a', { at: 2_020, askedAt: 1_020 }),
    of: 'a',
    disposal: NOTHING,
  },
  {
    name: 'silence until it is offline: idle connections go too',
    before: [...PAIR, silence('a', { at: 1_020, askedAt: 20 })],
    next: silence('a', { at: 5_020, askedAt: 4_020 }),
    of: 'a',
    disposal: GONE,
  },
  {
    name: 'refused: everything, nothing can be answered any more',
    before: PAIR,
    next: connectFailed('a', 'refused', { at: 20 }),
    of: 'a',
    disposal: { ...EVERYTHING, reason: 'it was refused' },
  },
  {
    name: 'refused again: nothing more',
    before: [...PAIR, connectFailed('a', 'refused', { at: 20 })],
    next: connectFailed('a', 'refused', { at: 30, generation: 1 }),
    of: 'a',
    disposal: NOTHING,
  },
  {
    name: 'refused after a timeout: everything',
    before: [...PAIR, connectFailed('a', 'timeout', { at: 20 })],
    next: connectFailed('a', 'refused', { at: 30 }),
    of: 'a',
    disposal: EVERYTHING,
  },
  {
    name: 'no fresh connection in time: as silent as after a probe',
    before: PAIR,
    next: connectFailed('a', 'timeout', { at: 20 }),
    of: 'a',
    disposal: { ...READS_MOVE, reason: 'it was timeout' },
  },
  {
    name: 'none in time again: reads move, idle ones go, sent writes wait',
    before: [...PAIR, silence('a', { at: 1_020, askedAt: 20 }), answer('b', standbyFacts(), { at: 1_030 })],
    next: connectFailed('a', 'timeout', { at: 2_040 }),
    of: 'a',
    disposal: { ...GONE, reason: 'it was timeout' },
  },
  {
    name: 'a silent primary beside a newer one: everything',
    before: [...PAIR, silence('a', { at: 1_020 })],
    next: PROMOTED,
    of: 'a',
    disposal: EVERYTHING,
  },
  {
    name: 'a silent standby while the primary answers: only its reads move',
    before: PAIR,
    next: silence('b', { at: 1_020 }),
    of: 'b',
    disposal: READS_MOVE,
  },
  {
    name: 'a switchover seen on a connection: idle ones go, leased ones are drained',
    before: PAIR,
    next: hotStandby('a', true, { at: 20 }),
    of: 'a',
    disposal: { ...DEMOTED, reason: 'became standby' },
  },
  {
    name: 'fencing by configuration: idle ones go, leased ones are drained',
    before: PAIR,
    next: answer('a', primaryFacts({ readOnly: true }), { at: 20 }),
    of: 'a',
    disposal: { ...DEMOTED, reason: 'became primary-read-only' },
  },
  {
    name: 'a restart: everything, these are connections of an earlier life',
    before: PAIR,
    next: answer('b', standbyFacts({ postmasterStartedAt: '18' }), { at: 20 }),
    of: 'b',
    disposal: { ...EVERYTHING, reason: 'the server was restarted' },
  },
  {
    name: 'a primary of another system: everything',
    before: PAIR,
    next: answer('b', primaryFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 20 }),
    of: 'a',
    disposal: EVERYTHING,
  },
  {
    name: 'an equal claim: everything on both, neither may be written to',
    before: PAIR,
    next: answer('b', primaryFacts(), { at: 20 }),
    of: 'a',
    disposal: EVERYTHING,
  },
  {
    name: 'a stale node that becomes a standby: idle ones go',
    before: [...PAIR, PROMOTED],
    next: answer('a', standbyFacts(), { at: 3_000 }),
    of: 'a',
    disposal: { ...DEMOTED, reason: 'became standby' },
  },
];

function disposed(before: TopologyDescription, next: Observation, letter: string): Disposal {
  const later = after(before, [next]);
  const node = (picture: TopologyDescription) => {
    const found = picture.nodes.find((one) => one.name === named(letter));
    if (found === undefined) throw new Error(`no node ${letter}`);
    return found;
  };
  const writer = writableNode(later);
  return disposeConnections(node(before), node(later), writer !== undefined && writer.name !== named(letter));
}

describe('what happens to connections', () => {
  it.each(CASES)('$name', ({ before, next, of, disposal }) => {
    expect(disposed(after(watching('ab'), before), next, of)).toMatchObject(disposal);
  });
});
