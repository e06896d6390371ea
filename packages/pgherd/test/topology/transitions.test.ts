import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { changesBetween } from '../../src/topology/diff.ts';
import { withIncumbent } from '../../src/topology/topology.ts';
import { writableNode } from '../../src/topology/writable.ts';
import {
  addressOf,
  after,
  answer,
  bytes,
  connectFailed,
  hotStandby,
  named,
  OTHER_SYSTEM,
  primaryFacts,
  SETTINGS,
  SYSTEM,
  silence,
  standbyFacts,
  watching,
} from '../support/evidence.ts';

/** What is seen, what is then known, and what is told to listeners. */
interface Phase {
  /** Evidence, or the letter of the node that a write was handed to. */
  readonly see: readonly (Observation | { readonly wroteTo: string })[];
  readonly nodes?: Readonly<Record<string, Partial<NodeDescription>>>;
  readonly cluster?: Partial<TopologyDescription>;
  /** Letter of the node that takes writes; `null` for none. */
  readonly writable?: string | null;
  /** Changes since the phase before, as `kind node: before → after`. */
  readonly changes?: readonly string[];
}

interface Story {
  readonly name: string;
  readonly letters: string;
  readonly settings?: Partial<typeof SETTINGS>;
  readonly phases: readonly Phase[];
}

const PRIMARY_AND_STANDBY = [
  answer('a', primaryFacts(), { at: 10 }),
  answer('b', standbyFacts(), { at: 10 }),
];

const STORIES: readonly Story[] = [
  {
    name: 'a node is unknown and gets no work until it has answered',
    letters: 'ab',
    phases: [
      {
        see: [],
        nodes: { a: { role: 'unknown', health: 'suspect', healthReason: 'has not answered yet' } },
        cluster: { systemIdentifier: undefined, floor: undefined },
        writable: null,
      },
      {
        see: [answer('a', primaryFacts({ serverVersion: 150_018 }), { at: 10, askedAt: 7 })],
        nodes: {
          a: {
            role: 'primary',
            health: 'ok',
            timeline: 1,
            rttMs: 3,
            roleAt: 7,
            seenAt: 10,
            serverVersion: 150_018,
          },
          b: { role: 'unknown' },
        },
        cluster: { systemIdentifier: SYSTEM, floor: 1, version: 2 },
        writable: 'a',
        changes: ['health a: suspect → ok', 'role a: unknown → primary', 'primary : none → a'],
      },
      {
        see: [answer('b', standbyFacts(), { at: 12 })],
        nodes: { b: { role: 'standby', health: 'ok', timeline: undefined, timelineAtLeast: 1 } },
        writable: 'a',
        changes: ['health b: suspect → ok', 'role b: unknown → standby'],
      },
    ],
  },
  {
    name: 'an answer that tells the same again is no change',
    letters: 'ab',
    phases: [
      { see: PRIMARY_AND_STANDBY },
      { see: [answer('a', primaryFacts({ lsn: 2_000n }), { at: 20 })], changes: [] },
    ],
  },
  {
    name: 'a probe that was asked before a ParameterStatus came does not overwrite it',
    letters: 'ab',
    phases: [
      { see: PRIMARY_AND_STANDBY },
      { see: [hotStandby('b', false, { at: 50 })], nodes: { b: { role: 'primary', roleAt: 50 } } },
      {
        see: [answer('b', standbyFacts(), { at: 51, askedAt: 49 })],
        nodes: { b: { role: 'primary', health: 'ok', timeline: undefined, roleAt: 50, seenAt: 51 } },
        changes: [],
      },
      {
        see: [answer('b', primaryFacts({ timeline: 2 }), { at: 53, askedAt: 52 })],
        nodes: { b: { role: 'primary', timeline: 2 } },
        writable: 'b',
      },
    ],
  },
  {
    name: 'a ParameterStatus older than the last probe changes nothing',
    letters: 'ab',
    phases: [
      { see: PRIMARY_AND_STANDBY },
      { see: [hotStandby('b', false, { at: 5 })], nodes: { b: { role: 'standby' } } },
    ],
  },
  {
    name: 'evidence of an earlier life of the server is dropped',
    letters: 'ab',
    phases: [
      {
        see: [...PRIMARY_AND_STANDBY, connectFailed('a', 'refused', { at: 20 })],
        nodes: { a: { generation: 1 } },
      },
      {
        see: [
          answer('a', primaryFacts(), { at: 30 }),
          hotStandby('a', true, { at: 31 }),
          silence('a', { at: 32 }),
          bytes('a', { at: 33 }),
        ],
        nodes: { a: { health: 'offline', role: 'primary', seenAt: 10 } },
        changes: [],
      },
      {
        see: [answer('a', primaryFacts(), { at: 40, generation: 1 })],
        nodes: { a: { health: 'ok' } },
        writable: 'a',
      },
    ],
  },
  {
    name: 'evidence about an unknown node is dropped',
    letters: 'a',
    phases: [{ see: [answer('z', primaryFacts(), { at: 10 })], cluster: { version: 1 }, changes: [] }],
  },
  {
    name: 'a missed probe makes a node suspect, its answer clears it',
    letters: 'ab',
    phases: [
      { see: PRIMARY_AND_STANDBY },
      {
        see: [silence('a', { at: 1_020, askedAt: 20 })],
        nodes: { a: { health: 'suspect', role: 'primary', silentSince: 20, generation: 0 } },
        writable: null,
        changes: ['health a: ok → suspect', 'primary : a → none'],
      },
      {
        see: [answer('a', primaryFacts(), { at: 1_100, askedAt: 20 })],
        nodes: { a: { health: 'ok', healthReason: undefined, silentSince: undefined } },
        writable: 'a',
        changes: ['health a: suspect → ok', 'primary : none → a'],
      },
    ],
  },
  {
    name: 'bytes clear a silent node, but not one that could not be connected to',
    letters: 'ab',
    phases: [
      {
        see: [...PRIMARY_AND_STANDBY, silence('a', { at: 1_020 }), bytes('a', { at: 1_030 })],
        nodes: { a: { health: 'ok' } },
      },
      {
        see: [connectFailed('b', 'too-many-connections', { at: 1_040 }), bytes('b', { at: 1_050 })],
        nodes: { b: { health: 'suspect' } },
      },
    ],
  },
  {
    name: 'silence for deadAfterMs makes a node offline',
    letters: 'ab',
    phases: [
      { see: [...PRIMARY_AND_STANDBY, silence('a', { at: 1_020, askedAt: 20 })] },
      {
        see: [silence('a', { at: 5_019, askedAt: 4_019 })],
        nodes: {
          a: { health: 'suspect', silentSince: 20, healthReason: 'no answer to a probe for 4999 ms' },
        },
      },
      {
        see: [silence('a', { at: 5_020, askedAt: 4_020 })],
        nodes: { a: { health: 'offline', generation: 1 } },
        changes: ['health a: suspect → offline'],
      },
      {
        see: [silence('a', { at: 6_000, generation: 1 })],
        nodes: { a: { health: 'offline', generation: 1 } },
        changes: [],
      },
    ],
  },
  {
    name: 'a silence that ended is forgotten',
    letters: 'a',
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          silence('a', { at: 1_020 }),
          answer('a', primaryFacts(), { at: 1_100 }),
          silence('a', { at: 6_000, askedAt: 5_000 }),
        ],
        nodes: { a: { health: 'suspect', silentSince: 5_000 } },
      },
    ],
  },
  {
    name: 'a refused connection proves at once that no process listens',
    letters: 'ab',
    phases: [
      { see: PRIMARY_AND_STANDBY },
      {
        see: [connectFailed('a', 'refused', { at: 20 })],
        nodes: {
          a: { health: 'offline', connectFailure: 'refused', healthReason: 'it was refused', generation: 1 },
        },
        changes: ['health a: ok → offline', 'primary : a → none'],
      },
      {
        see: [answer('a', primaryFacts(), { at: 30, generation: 1 })],
        nodes: { a: { health: 'ok', connectFailure: undefined, generation: 1 } },
      },
    ],
  },
  {
    name: 'a server without free connections keeps its role and is suspect',
    letters: 'ab',
    phases: [
      { see: [...PRIMARY_AND_STANDBY, connectFailed('b', 'too-many-connections', { at: 20 })] },
      { see: [], nodes: { b: { health: 'suspect', role: 'standby', generation: 0 } } },
    ],
  },
  ...(['authentication', 'database-missing', 'server-too-old'] as const).map((failure) => ({
    name: `a node that fails by ${failure} is offline until a connection succeeds`,
    letters: 'a',
    phases: [
      {
        see: [connectFailed('a', failure, { at: 10 })],
        nodes: { a: { health: 'offline' as const, connectFailure: failure } },
      },
      {
        see: [answer('a', primaryFacts(), { at: 40_000, generation: 1 })],
        nodes: { a: { health: 'ok' as const, connectFailure: undefined } },
        writable: 'a',
      },
    ],
  })),
  {
    name: 'a promotion told by ParameterStatus has no timeline and gets no writes before the probe',
    letters: 'ab',
    phases: [
      { see: [...PRIMARY_AND_STANDBY, connectFailed('a', 'refused', { at: 20 })] },
      {
        see: [hotStandby('b', false, { at: 30 })],
        nodes: { b: { role: 'primary', timeline: undefined } },
        writable: null,
        changes: ['role b: standby → primary'],
      },
      {
        see: [answer('b', primaryFacts({ timeline: 2 }), { at: 40 })],
        cluster: { floor: 2 },
        nodes: { a: { standing: 'stale' } },
        writable: 'b',
        changes: ['standing a: current → stale', 'primary : none → b'],
      },
    ],
  },
  {
    name: 'a promotion during the very first probe gets no writes before the next one',
    letters: 'a',
    phases: [
      {
        see: [hotStandby('a', true, { at: 5 }), hotStandby('a', false, { at: 11 })],
        nodes: { a: { role: 'primary', health: 'suspect' } },
      },
      {
        see: [answer('a', standbyFacts(), { at: 12, askedAt: 10 })],
        nodes: { a: { role: 'primary', health: 'ok', timeline: undefined } },
        writable: null,
      },
    ],
  },
  {
    name: 'a promotion told by ParameterStatus waits for the probe where only the control file is not told',
    letters: 'a',
    phases: [
      {
        see: [
          answer('a', standbyFacts({ systemIdentifier: undefined, timelineAtLeast: undefined }), { at: 10 }),
          hotStandby('a', false, { at: 20 }),
        ],
        nodes: { a: { role: 'primary', timeline: undefined } },
        writable: null,
      },
    ],
  },
  {
    name: 'a server that tells no timeline at all can be written to',
    letters: 'a',
    phases: [
      {
        see: [answer('a', { inRecovery: false, postmasterStartedAt: undefined }, { at: 10 })],
        writable: 'a',
      },
    ],
  },
  {
    name: 'of two servers that return no timelines the incumbent keeps the writes, and without one no node gets them',
    letters: 'ab',
    phases: [
      {
        see: ['a', 'b'].map((letter) =>
          answer(letter, { inRecovery: false, postmasterStartedAt: undefined }, { at: 10 }),
        ),
        nodes: { a: { standing: 'ambiguous' }, b: { standing: 'ambiguous' } },
        writable: null,
      },
      {
        see: [{ wroteTo: 'b' }],
        nodes: { a: { standing: 'ambiguous' }, b: { standing: 'current' } },
        writable: 'b',
      },
    ],
  },
  {
    name: 'the lower timeline is stale',
    letters: 'ab',
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          answer('b', primaryFacts({ timeline: 2 }), { at: 11 }),
        ],
        nodes: {
          a: {
            standing: 'stale',
            standingReason: 'timeline 1, but timeline 2 has been seen out of recovery',
          },
        },
        writable: 'b',
      },
    ],
  },
  ...[
    connectFailed('b', 'refused', { at: 20 }),
    silence('b', { at: 1_020 }),
    silence('b', { at: 9_000, askedAt: 20 }),
  ].map((gone) => ({
    name: `the lower timeline stays stale when the higher one is gone (${gone.kind} at ${gone.at})`,
    letters: 'ab',
    phases: [
      {
        see: [
          answer('b', primaryFacts({ timeline: 2 }), { at: 10 }),
          gone,
          answer('a', primaryFacts(), { at: 10_000 }),
        ],
        nodes: { a: { standing: 'stale' as const } },
        cluster: { floor: 2 },
        writable: null,
      },
    ],
  })),
  {
    name: 'on equal epochs the incumbent keeps the writes',
    letters: 'ab',
    phases: [
      { see: [answer('a', primaryFacts(), { at: 10 }), { wroteTo: 'a' }], writable: 'a' },
      {
        see: [answer('b', primaryFacts(), { at: 20 })],
        nodes: {
          a: { standing: 'current' },
          b: {
            standing: 'ambiguous',
            standingReason: 'a:5432 claims to be the primary of the same timeline 1',
          },
        },
        writable: 'a',
        changes: [
          'health b: suspect → ok',
          'role b: unknown → primary',
          'standing b: current → ambiguous',
          'split-brain b',
        ],
      },
    ],
  },
  {
    name: 'on equal epochs without an incumbent no node gets writes, until one goes',
    letters: 'ab',
    phases: [
      {
        see: [answer('a', primaryFacts(), { at: 10 }), answer('b', primaryFacts(), { at: 20 })],
        nodes: { a: { standing: 'ambiguous' }, b: { standing: 'ambiguous' } },
        writable: null,
      },
      {
        see: [silence('b', { at: 1_020 })],
        nodes: { a: { standing: 'ambiguous' } },
        writable: null,
      },
      {
        see: [connectFailed('b', 'refused', { at: 1_030 })],
        nodes: { a: { standing: 'current' } },
        writable: 'a',
        changes: [
          'standing a: ambiguous → current',
          'health b: suspect → offline',
          'standing b: ambiguous → current',
          'primary : none → a',
        ],
      },
    ],
  },
  {
    name: 'equal claims end when one goes back into recovery',
    letters: 'ab',
    phases: [
      { see: [answer('a', primaryFacts(), { at: 10 }), answer('b', primaryFacts(), { at: 10 })] },
      {
        see: [answer('b', standbyFacts(), { at: 20 })],
        nodes: { a: { standing: 'current' } },
        writable: 'a',
      },
    ],
  },
  {
    name: 'a claim that does not tell its system counts as one of this cluster',
    letters: 'ab',
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          answer('b', primaryFacts({ systemIdentifier: undefined }), { at: 10 }),
        ],
        nodes: { a: { standing: 'ambiguous' }, b: { standing: 'ambiguous' } },
        writable: null,
      },
      {
        see: [answer('b', primaryFacts({ systemIdentifier: undefined, timeline: 2 }), { at: 20 })],
        nodes: { a: { standing: 'stale' }, b: { standing: 'current' } },
        cluster: { floor: 2 },
        writable: 'b',
      },
    ],
  },
  {
    name: 'only the pinned system is believed',
    letters: 'ab',
    settings: { systemIdentifier: OTHER_SYSTEM },
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          answer('b', primaryFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 11 }),
        ],
        nodes: {
          a: {
            standing: 'foreign',
            standingReason: `system identifier ${SYSTEM}, but this cluster is ${OTHER_SYSTEM}`,
          },
        },
        writable: 'b',
        cluster: { systemIdentifier: OTHER_SYSTEM, identityConflict: undefined },
      },
    ],
  },
  {
    name: 'the system that has a primary is the cluster, whatever standbys answered before',
    letters: 'abc',
    phases: [
      {
        see: [
          answer('b', standbyFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 10 }),
          answer('c', standbyFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 11 }),
        ],
        cluster: { systemIdentifier: OTHER_SYSTEM },
      },
      {
        see: [answer('a', primaryFacts(), { at: 12 })],
        cluster: { systemIdentifier: SYSTEM },
        nodes: { b: { standing: 'foreign' }, c: { standing: 'foreign' } },
        writable: 'a',
      },
    ],
  },
  {
    name: 'primaries of two systems are a conflict and no node gets writes',
    letters: 'ab',
    phases: [
      { see: [answer('a', primaryFacts(), { at: 10 })], writable: 'a' },
      {
        see: [answer('b', primaryFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 11 })],
        cluster: { systemIdentifier: undefined, identityConflict: [SYSTEM, OTHER_SYSTEM] },
        nodes: { a: { standing: 'foreign' }, b: { standing: 'foreign' } },
        writable: null,
        changes: [
          'standing a: current → foreign',
          'health b: suspect → ok',
          'role b: unknown → primary',
          'standing b: current → foreign',
          'primary : a → none',
          `foreign ${SYSTEM}, ${OTHER_SYSTEM}`,
        ],
      },
    ],
  },
  {
    name: 'a conflict does not lower the floor',
    letters: 'abc',
    phases: [
      {
        see: [
          answer('a', primaryFacts({ timeline: 6 }), { at: 10 }),
          answer('b', primaryFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 11 }),
        ],
        writable: null,
      },
      {
        see: [
          answer('a', standbyFacts(), { at: 20 }),
          answer('b', standbyFacts(), { at: 21 }),
          answer('c', primaryFacts({ timeline: 5 }), { at: 22 }),
        ],
        cluster: { systemIdentifier: SYSTEM, floor: 6 },
        nodes: { c: { standing: 'stale' } },
        writable: null,
      },
    ],
  },
  {
    name: 'once written, the identity stays',
    letters: 'ab',
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          { wroteTo: 'a' },
          connectFailed('a', 'refused', { at: 20 }),
        ],
      },
      {
        see: [answer('b', primaryFacts({ systemIdentifier: OTHER_SYSTEM, timeline: 9 }), { at: 30 })],
        cluster: { systemIdentifier: SYSTEM, identityConflict: undefined, floor: 1 },
        nodes: { b: { standing: 'foreign' } },
        writable: null,
      },
    ],
  },
  {
    name: 'two addresses of one server are one node',
    letters: 'ab',
    phases: [
      {
        see: ['a', 'b'].map((letter) =>
          answer(letter, primaryFacts({ postmasterStartedAt: '17' }), { at: 10 }),
        ),
        nodes: {
          a: { aliasOf: undefined, standing: 'current' },
          b: { aliasOf: 'a:5432', standing: 'current' },
        },
        writable: 'a',
      },
      {
        see: [connectFailed('a', 'unreachable', { at: 20 })],
        nodes: { b: { aliasOf: undefined } },
        writable: 'b',
        changes: ['health a: ok → offline', 'primary : a → b'],
      },
    ],
  },
  {
    name: 'a restarted server begins a new life',
    letters: 'a',
    phases: [
      {
        see: [answer('a', primaryFacts({ postmasterStartedAt: '17' }), { at: 10 })],
        nodes: { a: { generation: 0 } },
      },
      {
        see: [answer('a', primaryFacts({ postmasterStartedAt: '18' }), { at: 20 })],
        nodes: { a: { generation: 1, postmasterStartedAt: '18', health: 'ok' } },
        writable: 'a',
      },
    ],
  },
  {
    name: 'a server that was replaced by another begins a new life',
    letters: 'a',
    phases: [
      {
        see: [
          answer('a', primaryFacts(), { at: 10 }),
          answer('a', primaryFacts({ systemIdentifier: OTHER_SYSTEM }), { at: 20 }),
        ],
        nodes: { a: { generation: 1, systemIdentifier: OTHER_SYSTEM } },
      },
    ],
  },
  {
    name: 'a read-only primary never gets writes',
    letters: 'a',
    phases: [
      {
        see: [answer('a', primaryFacts({ readOnly: true }), { at: 10 })],
        nodes: { a: { role: 'primary-read-only', standing: 'current' } },
        cluster: { floor: 1 },
        writable: null,
      },
    ],
  },
  {
    name: 'a surviving standby is never stale for its lower bound',
    letters: 'ab',
    phases: [
      {
        see: [
          answer('a', primaryFacts({ timeline: 7 }), { at: 10 }),
          answer('b', standbyFacts({ timelineAtLeast: 1 }), { at: 11 }),
        ],
        nodes: { b: { standing: 'current', timelineAtLeast: 1 } },
      },
    ],
  },
  {
    name: 'a demotion takes the timeline away and leaves the floor',
    letters: 'a',
    phases: [
      {
        see: [answer('a', primaryFacts({ timeline: 3 }), { at: 10 }), hotStandby('a', true, { at: 20 })],
        nodes: { a: { role: 'standby', timeline: undefined, roleAt: 20 } },
        cluster: { floor: 3 },
        writable: null,
        changes: ['health a: suspect → ok', 'role a: unknown → standby'],
      },
    ],
  },
  {
    name: 'lag is counted in bytes against the primary',
    letters: 'ab',
    phases: [
      {
        see: [
          answer('a', primaryFacts({ lsn: 5_000n }), { at: 10 }),
          answer('b', standbyFacts({ lsn: 4_000n, replayAgeMs: 70 }), { at: 10 }),
        ],
        nodes: { a: { lag: { bytes: undefined, ms: undefined } }, b: { lag: { bytes: 1_000, ms: 70 } } },
      },
      {
        see: [answer('b', standbyFacts({ lsn: 5_500n, replayAgeMs: 9_000 }), { at: 20 })],
        nodes: { b: { lag: { bytes: 0, ms: 0 } } },
      },
      {
        see: [answer('b', standbyFacts({ lsn: 4_999n, replayAgeMs: undefined }), { at: 30 })],
        nodes: { b: { lag: { bytes: 1, ms: undefined } } },
      },
      {
        see: [answer('b', standbyFacts({ lsn: undefined }), { at: 40 })],
        nodes: { b: { lag: { bytes: undefined, ms: undefined } } },
      },
    ],
  },
  {
    name: 'lag is unknown while no primary is known, and measured against a lost one until that has expired',
    letters: 'ab',
    phases: [
      {
        see: [answer('b', standbyFacts(), { at: 10 })],
        nodes: { b: { lag: { bytes: undefined, ms: undefined } } },
      },
      {
        see: [answer('a', primaryFacts(), { at: 11 }), connectFailed('a', 'refused', { at: 20 })],
        nodes: { b: { lag: { bytes: 0, ms: 0 } } },
      },
      {
        see: [answer('b', standbyFacts(), { at: 2_511 })],
        nodes: { b: { lag: { bytes: 0, ms: 0 } } },
      },
      {
        see: [answer('b', standbyFacts(), { at: 10_011 })],
        nodes: { b: { lag: { bytes: undefined, ms: 10_000 } } },
      },
      {
        see: [answer('b', standbyFacts(), { at: 10_012 })],
        nodes: { b: { lag: { bytes: undefined, ms: undefined } } },
      },
    ],
  },
];

function told(change: ReturnType<typeof changesBetween>[number]): string {
  const letter = (node: NodeDescription | undefined) => node?.name.charAt(0) ?? 'none';
  switch (change.kind) {
    case 'primary':
      return `primary : ${letter(change.before)} → ${letter(change.after)}`;
    case 'split-brain':
      return `split-brain ${change.nodes.map(letter).join(', ')}`;
    case 'foreign':
      return `foreign ${change.systemIdentifiers.join(', ')}`;
    case 'contest':
      return `contest ${change.after?.state}`;
    case 'epoch-written':
      return `epoch ${change.acceptance.value}`;
    case 'floor-withdrawn':
      return `floor ${change.withdrawn.from} → ${change.withdrawn.to}`;
    case 'several-servers':
      return `several-servers ${letter(change.node)}: ${change.node.several?.servers ?? 1}`;
    case 'added':
    case 'removed':
      return `${change.kind} ${letter(change.node)}`;
    case 'replaced':
      return `replaced ${change.before} by ${change.after}${change.adopted ? ', adopted' : ''}`;
    case 'health':
    case 'role':
    case 'standing':
      return `${change.kind} ${letter(change.after)}: ${change.before[change.kind]} → ${change.after[change.kind]}`;
    default:
      return change satisfies never;
  }
}

function assertPhase(picture: TopologyDescription, before: TopologyDescription, phase: Phase): void {
  for (const [letter, expected] of Object.entries(phase.nodes ?? {})) {
    expect(picture.nodes.find((node) => node.name === named(letter))).toMatchObject(expected);
  }
  if (phase.cluster !== undefined) expect(picture).toMatchObject(phase.cluster);
  if (phase.writable !== undefined) {
    const expected = phase.writable === null ? undefined : named(phase.writable);
    expect(writableNode(picture)?.name).toBe(expected);
  }
  if (phase.changes !== undefined) expect(changesBetween(before, picture).map(told)).toEqual(phase.changes);
}

describe('what is seen and what is then known', () => {
  it.each(STORIES)('$name', ({ letters, phases, settings }) => {
    const all = { ...SETTINGS, ...settings };
    let picture = watching(letters);
    for (const phase of phases) {
      const before = picture;
      for (const one of phase.see) {
        picture =
          'wroteTo' in one ? withIncumbent(picture, named(one.wroteTo), all, 0) : after(picture, [one], all);
      }
      assertPhase(picture, before, phase);
    }
  });

  it('takes addresses of the same name once', () => {
    expect(watching('aab').nodes.map((node) => node.address)).toEqual(['a', 'b'].map(addressOf));
  });

  it('gives the same picture back where nothing is new', () => {
    const picture = after(watching('ab'), PRIMARY_AND_STANDBY);
    expect(after(picture, [hotStandby('b', true, { at: 99 }), bytes('a', { at: 99 })])).toBe(picture);
    const written = withIncumbent(picture, named('a'), SETTINGS, 100);
    expect(withIncumbent(written, named('a'), SETTINGS, 100)).toBe(written);
  });
});
