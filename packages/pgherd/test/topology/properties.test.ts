import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONNECT_FAILURES } from '../../src/model/names.ts';
import type { Observation, ProbeFacts } from '../../src/model/observation.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { selectNodes } from '../../src/routing/select.ts';
import { affectsRouting, changesBetween } from '../../src/topology/diff.ts';
import { disposeConnections } from '../../src/topology/disposition.ts';
import { observe, withIncumbent, withWritesOpen } from '../../src/topology/topology.ts';
import { isWritable, writableNode } from '../../src/topology/writable.ts';
import { named, OTHER_SYSTEM, SETTINGS, SYSTEM, watching } from '../support/evidence.ts';
import { ANYTHING_GOES } from '../support/selection.ts';

const LETTERS = 'abc';
const REPORTING = { ...SETTINGS, fencing: 'report' } as const;
const isBelieved = (node: NodeDescription) => isWritable(node, 'strict');
const letter = fc.constantFrom(...LETTERS);
const someFacts: fc.Arbitrary<ProbeFacts> = fc.record({
  inRecovery: fc.boolean(),
  readOnly: fc.boolean(),
  systemIdentifier: fc.constantFrom(SYSTEM, SYSTEM, SYSTEM, OTHER_SYSTEM, undefined),
  timeline: fc.constantFrom(1, 2, 3, undefined),
  timelineAtLeast: fc.constantFrom(1, 2, undefined),
  recoveryTimeline: fc.constantFrom(1, 1, 2, undefined),
  uptimeMs: fc.constantFrom(0, 10, 5_000, undefined),
  walSenders: fc.constantFrom(0, 1, 1, undefined),
  acceptEpoch: fc.constantFrom(
    undefined,
    undefined,
    { value: undefined, clockMs: 1_767_225_600_000 },
    { value: `${SYSTEM}/1/2026-01-01T00:00:00Z`, clockMs: 1_767_225_601_000 },
    { value: 'nonsense', clockMs: 1_767_225_601_000 },
  ),
  lsn: fc.constantFrom(1n, 500n, 2n ** 40n, undefined),
  receivedLsn: fc.constantFrom(500n, undefined),
  replayAgeMs: fc.constantFrom(0, 17.5, undefined),
  postmasterStartedAt: fc.constantFrom('1', '2', '3', undefined),
  backendPid: fc.constant(undefined),
  clockUs: fc.constant(undefined),
  serverVersion: fc.constantFrom(150_000, undefined),
});

/** Evidence about some node; `back` is how long ago it was asked, `older` how many lives it is behind. */
const someEvent = fc.record({
  letter,
  passMs: fc.constantFrom(0, 1, 50, 1_000, 6_000),
  back: fc.constantFrom(0, 1, 30, 1_000),
  older: fc.constantFrom(0, 0, 0, 0, 1),
  what: fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('probe-answered' as const), facts: someFacts }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('parameters' as const), on: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('probe-missed' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('bytes-received' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('connect-failed' as const),
        failure: fc.constantFrom(...CONNECT_FAILURES),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('write' as const) }) },
  ),
});
type SomeEvent = typeof someEvent extends fc.Arbitrary<infer E> ? E : never;

type Settings = typeof SETTINGS;
const someSettings: fc.Arbitrary<Settings> = fc.constantFrom(SETTINGS, SETTINGS, {
  ...SETTINGS,
  systemIdentifier: SYSTEM,
});

function observationOf(event: SomeEvent, at: number, topology: TopologyDescription): Observation | undefined {
  const node = named(event.letter);
  const known = topology.nodes.find((one) => one.name === node)?.generation ?? 0;
  const evidence = { node, at, generation: Math.max(0, known - event.older) };
  const askedAt = Math.max(0, at - event.back);
  const { what } = event;
  switch (what.kind) {
    case 'probe-answered':
      return { ...evidence, kind: 'probe-answered', askedAt, facts: what.facts };
    case 'parameters':
      return { ...evidence, kind: 'parameters', inHotStandby: what.on };
    case 'probe-missed':
      return { ...evidence, kind: 'probe-missed', askedAt };
    case 'bytes-received':
      return { ...evidence, kind: 'bytes-received' };
    case 'connect-failed':
      return { ...evidence, kind: 'connect-failed', failure: what.failure, reason: what.failure };
    case 'write':
      return undefined;
    default:
      return what satisfies never;
  }
}

/** Plays the events and shows each step. A write goes only where it may, as the cluster would send it. */
function play(
  events: readonly SomeEvent[],
  settings: typeof SETTINGS,
  look: (before: TopologyDescription, after: TopologyDescription) => void,
): void {
  let picture = watching(LETTERS);
  let at = 0;
  for (const event of events) {
    at += event.passMs;
    const before = picture;
    const observation = observationOf(event, at, picture);
    if (observation !== undefined) picture = observe(picture, observation, settings);
    else {
      const writer = writableNode(picture);
      if (writer !== undefined) picture = withIncumbent(picture, writer.name, settings, at);
    }
    look(before, picture);
  }
}

/** Runs `look` over many sequences of evidence. */
function always(
  look: (before: TopologyDescription, after: TopologyDescription, settings: Settings) => void,
  settingsOf: fc.Arbitrary<Settings> = someSettings,
): void {
  const events = fc.array(someEvent, { maxLength: 40, size: 'max' });
  fc.assert(
    fc.property(events, settingsOf, (sequence, settings) =>
      play(sequence, settings, (before, after) => look(before, after, settings)),
    ),
    { numRuns: 80 },
  );
}

function nameOf(node: NodeDescription): string {
  return node.name;
}

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen);
}

/** Text of a value in which positions are bigints. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one));
}

describe('whatever evidence comes, in whatever order', () => {
  it('there is at most one node that may be written to', () => {
    always((_before, after) => {
      expect(after.nodes.filter(isBelieved).length).toBeLessThanOrEqual(1);
    });
  });

  it('what may be written to is not below the floor of its system', () => {
    always((_before, after) => {
      for (const node of after.nodes.filter(isBelieved)) {
        if (node.timeline === undefined) continue;
        expect(node.timeline).toBeGreaterThanOrEqual(after.floors[node.systemIdentifier ?? ''] ?? 0);
        expect(node.timeline).toBeGreaterThanOrEqual(after.floor ?? 0);
      }
    });
  });

  it('no floor ever falls, unless it was withdrawn', () => {
    always((before, after) => {
      if (after.withdrawn !== before.withdrawn || after.acceptances !== before.acceptances) return;
      for (const [system, floor] of Object.entries(before.floors)) {
        expect(after.floors[system]).toBeGreaterThanOrEqual(floor);
      }
      if (before.systemIdentifier === after.systemIdentifier) {
        expect(after.floor ?? 0).toBeGreaterThanOrEqual(before.floor ?? 0);
      }
    });
  });

  it('only a pinned or known system is written to, and never while identities conflict', () => {
    always((_before, after, settings) => {
      const writable = after.nodes.filter(isBelieved);
      if (after.identityConflict !== undefined) expect(writable).toEqual([]);
      for (const node of writable) {
        expect([undefined, after.systemIdentifier]).toContain(node.systemIdentifier);
        if (settings.systemIdentifier !== undefined)
          expect(after.systemIdentifier).toBe(settings.systemIdentifier);
      }
    });
  });

  it('once written, the identity stays', () => {
    always((before, after) => {
      if (before.incumbent === undefined || before.systemIdentifier === undefined) return;
      expect(after.systemIdentifier).toBe(before.systemIdentifier);
    });
  });

  it('the version grows with each change and only then; generations never go back', () => {
    always((before, after) => {
      expect(after.version).toBe(after === before ? before.version : before.version + 1);
      for (const [index, node] of after.nodes.entries()) {
        expect(node.generation).toBeGreaterThanOrEqual(before.nodes[index]?.generation ?? 0);
      }
    });
  });

  it('a picture is frozen to the ground and never changes afterwards', () => {
    const texts = new Map<TopologyDescription, string>();
    always((before, after) => {
      expect(isDeeplyFrozen(after)).toBe(true);
      expect(textOf(before)).toBe(texts.get(before) ?? textOf(before));
      texts.set(after, textOf(after));
    });
  });

  it('lag is known only of standbys, and never negative', () => {
    always((_before, after) => {
      for (const { lag, role } of after.nodes) {
        if (role !== 'standby') expect(lag).toEqual({ bytes: undefined, ms: undefined });
        expect(lag.bytes ?? 0).toBeGreaterThanOrEqual(0);
        expect(lag.ms ?? 0).toBeGreaterThanOrEqual(0);
      }
    });
  });

  it('an alias points to a node of the same server that is none itself', () => {
    always((_before, after) => {
      for (const node of after.nodes) {
        if (node.aliasOf === undefined) continue;
        const first = after.nodes.find((one) => one.name === node.aliasOf);
        expect(first?.aliasOf).toBeUndefined();
        expect(first?.systemIdentifier).toBe(node.systemIdentifier);
      }
    });
  });

  it('where no choice could come out differently, none does', () => {
    always((before, after) => {
      if (affectsRouting(before, after)) return;
      for (const target of ['read-write', 'prefer-standby', 'any'] as const) {
        const names = (topology: TopologyDescription) =>
          selectNodes(topology, { target }, ANYTHING_GOES).tiers.map((tier) => tier.map((node) => node.name));
        expect(names(after)).toEqual(names(before));
      }
    });
  });

  it('what may be written to is what routing gives to writes, and the first of it is where writes go', () => {
    const look = (_before: TopologyDescription, after: TopologyDescription, { fencing }: Settings) => {
      const { tiers } = selectNodes(
        withWritesOpen(after),
        { target: 'read-write' },
        { ...ANYTHING_GOES, fencing },
      );
      expect(tiers.flat().map(nameOf).sort()).toEqual(
        after.nodes
          .filter((node) => isWritable(node, fencing))
          .map(nameOf)
          .sort(),
      );
      expect(writableNode(after)).toBe(tiers[0]?.[0]);
    };
    always(look);
    always(look, fc.constant(REPORTING));
  });

  it('a node that lost the right to be written to keeps not all its connections, and one that stays as it is does', () => {
    always((before, after) => {
      const writer = after.nodes.find(isBelieved);
      for (const [index, node] of after.nodes.entries()) {
        const old = before.nodes[index] ?? node;
        const newerPrimaryKnown = writer !== undefined && writer.name !== node.name;
        const { disposition } = disposeConnections(old, node, newerPrimaryKnown);
        if (isBelieved(old) && !isBelieved(node) && node.role !== 'primary')
          expect(disposition).not.toBe('keep');
        if (old === node && node.health === 'ok') expect(disposition).toBe('keep');
        expect(changesBetween(after, after)).toEqual([]);
      }
    });
  });
});
