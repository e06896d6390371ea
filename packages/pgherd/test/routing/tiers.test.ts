import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROLES, STANDINGS, TARGETS, type Target } from '../../src/model/names.ts';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { type Demand, type Selection, type SelectionContext, selectNodes } from '../../src/routing/select.ts';
import { Selections } from '../../src/routing/selections.ts';
import { named } from '../support/evidence.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';
import { ANYTHING_GOES } from '../support/selection.ts';

const LIMITED: SelectionContext = {
  ...ANYTHING_GOES,
  zones: ['eu', 'us'],
  lag: { maxMs: 100, maxBytes: undefined, allowStale: false },
};

const FRESH = { role: 'standby', lag: { bytes: 0, ms: 10 } } as const;
const STALE = { role: 'standby', lag: { bytes: 9_000, ms: 250.2 }, lagging: true } as const;
const NEARLY = { role: 'standby', lag: { bytes: 10, ms: 90 }, lagging: true } as const;
const BLIND = { role: 'standby', lag: { bytes: undefined, ms: undefined } } as const;

/** Two zones of the client's, one that is not; p in the second, as the primary often is. */
const HERD: Readonly<Record<string, Partial<NodeDescription>>> = {
  p: { role: 'primary', timeline: 2, zone: 'us' },
  a: { ...FRESH, zone: 'eu', tags: { disk: 'fast' } },
  b: { ...FRESH, zone: 'us', tags: { disk: 'slow' } },
  c: { ...FRESH, zone: 'ap' },
  d: { ...STALE, zone: 'eu' },
  e: { ...BLIND },
  n: { ...NEARLY, zone: 'us' },
  r: { ...FRESH, zone: 'eu', readable: false },
  x: { role: 'primary', timeline: 9, promotable: false, zone: 'eu' },
};

function select(demand: Demand, context = LIMITED, letters = Object.keys(HERD).join('')): Selection {
  return selectNodes(
    pictureOf([...letters].map((letter) => describedNode(letter, HERD[letter] ?? {}))),
    demand,
    context,
  );
}

function tiersOf({ tiers }: Selection): string {
  return tiers.map((tier) => tier.map((node) => node.name.charAt(0)).join('')).join(' ');
}

function reasonFor({ rejections }: Selection, letter: string): string | undefined {
  return rejections.find((one) => one.node === named(letter))?.reason;
}

describe('zones, lag, fallback, labels', () => {
  it.each<[string, Demand, string]>([
    ['fresh standbys by zone, then the primary', { target: 'prefer-standby' }, 'a b c p'],
    ['stale ones last, by zone, if allowed', { target: 'prefer-standby', allowStale: true }, 'a b c p d n e'],
    [
      'stale ones after the fallback',
      { target: 'standby', fallback: 'primary', allowStale: true },
      'a b c p d n e',
    ],
    ['a standby and nothing else', { target: 'standby' }, 'a b c'],
    ['any node, by zone', { target: 'any' }, 'a pb c'],
    ['the primary first', { target: 'prefer-primary' }, 'p a b c'],
    ['writes, wherever the primary is', { target: 'read-write' }, 'p'],
    ['the primary among the standbys of its zone', { target: 'standby', primaryReads: true }, 'a pb c'],
    ['tags', { target: 'prefer-standby', tags: { disk: 'fast' } }, 'a'],
    ['no tags asked for', { target: 'standby', tags: {} }, 'a b c'],
    ['tags that no node has', { target: 'any', tags: { toString: 'x' } }, ''],
    ['a call’s own limit, without hysteresis', { target: 'standby', maxLagMs: 90 }, 'a bn c'],
    [
      'a call’s own limit in bytes under the cluster’s in ms',
      { target: 'standby', maxLagBytes: 9_000 },
      'a bn c',
    ],
    ['a call without limit', { target: 'standby', maxLagMs: Number.POSITIVE_INFINITY }, 'ad bn ce'],
    ['a call stricter than all', { target: 'prefer-standby', maxLagMs: 1 }, 'p'],
    ['an unreadable node that is named', { target: 'standby', node: named('r') }, 'r'],
    ['a node that is not promotable, named', { target: 'any', node: named('x') }, ''],
  ])('%s', (_name, demand, expected) => {
    expect(tiersOf(select(demand))).toBe(expected);
  });

  it('no zones are no preference, and a zone named twice counts once', () => {
    expect(tiersOf(select({ target: 'standby' }, { ...LIMITED, zones: [] }))).toBe('abc');
    expect(tiersOf(select({ target: 'standby' }, { ...LIMITED, zones: ['us', 'eu', 'us'] }))).toBe('b a c');
  });

  it('the cluster may allow stale reads, and a call refuse them', () => {
    const context = { ...LIMITED, lag: { ...LIMITED.lag, allowStale: true } };
    expect(tiersOf(select({ target: 'standby' }, context))).toBe('a b c d n e');
    expect(tiersOf(select({ target: 'standby', allowStale: false }, context))).toBe('a b c');
  });

  it('a node that is not believed stays behind its whole rank when fencing only reports', () => {
    const nodes = [
      describedNode('o', { ...FRESH, zone: 'eu', standing: 'stale' }),
      describedNode('s', { ...FRESH, zone: 'ap' }),
    ];
    const report = { ...LIMITED, fencing: 'report' } as const;
    expect(tiersOf(selectNodes(pictureOf(nodes), { target: 'standby' }, report))).toBe('s o');
    expect(tiersOf(select({ target: 'read-write' }, report))).toBe('p');
  });

  it.each<[string, Demand, string]>([
    ['d', { target: 'standby' }, '9000 bytes, 251 ms behind; the limit is no bytes, 100 ms'],
    [
      'n',
      { target: 'standby' },
      '10 bytes, 90 ms behind; the limit is no bytes, 100 ms, and it was beyond that limit and is not yet well below it',
    ],
    ['e', { target: 'standby' }, 'unknown bytes, unknown ms behind; the limit is no bytes, 100 ms'],
    ['n', { target: 'standby', maxLagMs: 89 }, '10 bytes, 90 ms behind; the limit is no bytes, 89 ms'],
    ['r', { target: 'standby' }, 'a standby that must not be read (readable: false)'],
    [
      'x',
      { target: 'any' },
      'out of recovery although promotable is false: its data are no longer those of the cluster',
    ],
    ['b', { target: 'any', tags: { disk: 'fast' } }, 'its tag disk is "slow"; "fast" was asked for'],
    ['c', { target: 'any', tags: { disk: 'fast' } }, 'has no tag disk; "fast" was asked for'],
    ['r', { target: 'read-write' }, 'its role is standby'],
  ])('why not %s for %o', (letter, demand, reason) => {
    expect(reasonFor(select(demand), letter)).toBe(reason);
  });

  it('each tier tells what it has in common', () => {
    const { reasons } = select({ target: 'prefer-standby', allowStale: true }, LIMITED, 'pacd');
    expect(reasons).toEqual([
      'suits prefer-standby, in zone eu',
      'suits prefer-standby, not in zone eu or us',
      'suits prefer-standby as second choice, in zone us',
      'suits prefer-standby, beyond the lag limit, in zone eu',
    ]);
  });
});

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const target = fc.constantFrom(...TARGETS) as fc.Arbitrary<Target>;
const lagMs = fc.nat({ max: 4 });
const anyNode = fc.record({
  role: fc.constantFrom(...ROLES),
  health: fc.constantFrom('ok' as const, 'ok' as const, 'suspect' as const),
  standing: fc.constantFrom('current' as const, ...STANDINGS),
  timeline: maybe(fc.constant(2)),
  zone: maybe(fc.constantFrom('eu', 'us', 'ap')),
  tags: fc.constantFrom<Record<string, string>>({}, { disk: 'fast' }, { disk: 'slow' }),
  promotable: fc.boolean(),
  readable: fc.boolean(),
  lagging: fc.boolean(),
  lag: fc.record({ ms: maybe(lagMs), bytes: maybe(lagMs) }),
});
const anyHerd = fc
  .array(anyNode, { maxLength: 6 })
  .map((nodes) => nodes.map((node, at) => describedNode('abcdef'.charAt(at), node)));
const anyPicture = fc
  .record({ nodes: anyHerd, writesOpen: fc.boolean() })
  .map(({ nodes, writesOpen }) => pictureOf(nodes, writesOpen));
const anyDemand: fc.Arbitrary<Demand> = fc.record({
  target,
  fallback: maybe(target),
  node: maybe(fc.constantFrom(named('a'), named('b'))),
  tags: maybe(fc.constant({ disk: 'fast' })),
  maxLagMs: maybe(lagMs),
  maxLagBytes: maybe(lagMs),
  allowStale: maybe(fc.boolean()),
  primaryReads: maybe(fc.boolean()),
});
const anyContext: fc.Arbitrary<SelectionContext> = fc.record({
  fencing: fc.constantFrom('strict' as const, 'report' as const),
  zones: fc.subarray(['us', 'eu']),
  lag: fc.record({ maxMs: maybe(lagMs), maxBytes: maybe(lagMs), allowStale: fc.boolean() }),
});

function always(
  holds: (picture: TopologyDescription, demand: Demand, context: SelectionContext) => void,
): void {
  fc.assert(fc.property(anyPicture, anyDemand, anyContext, holds), { numRuns: 1_000 });
}

describe('whatever the herd, the demand and the circumstances', () => {
  it('each node is in one tier or has one rejection, no tier is empty, and every tier has a reason', () => {
    always((picture, demand, context) => {
      const { tiers, reasons, rejections } = selectNodes(picture, demand, context);
      const names = [...tiers.flat().map((node) => node.name), ...rejections.map((one) => one.node)];
      expect(names.sort()).toEqual(picture.nodes.map((node) => node.name));
      expect(reasons).toHaveLength(tiers.length);
      expect(tiers.filter((tier) => tier.length === 0)).toEqual([]);
      for (const { reason } of rejections) expect(reason).toMatch(/\w/);
    });
  });

  it('no unusable node is in a tier', () => {
    always((picture, demand, context) => {
      const { tiers } = selectNodes(picture, demand, context);
      const { allowStale = context.lag.allowStale, fallback } = demand;
      for (const node of tiers.flat()) {
        expect([node.health, node.role === 'unknown', node.standing === 'foreign']).toEqual([
          'ok',
          false,
          false,
        ]);
        if (context.fencing === 'strict') expect(node.standing).toBe('current');
        expect(node.promotable || node.role === 'standby').toBe(true);
        if (demand.node !== undefined) expect(node.name).toBe(demand.node);
        if (demand.tags !== undefined) expect(node.tags).toEqual(demand.tags);
        if (demand.target === 'read-write' && fallback === undefined) expect(node.role).toBe('primary');
        if (node.role !== 'standby') continue;
        expect(node.readable || demand.node === node.name).toBe(true);
        if (allowStale) continue;
        if (demand.maxLagMs !== undefined)
          expect(node.lag.ms ?? Infinity).toBeLessThanOrEqual(demand.maxLagMs);
        if (demand.maxLagBytes !== undefined)
          expect(node.lag.bytes ?? Infinity).toBeLessThanOrEqual(demand.maxLagBytes);
        if (demand.maxLagMs === undefined && demand.maxLagBytes === undefined)
          expect(node.lagging).toBe(false);
        if (context.lag.maxMs !== undefined) expect(node.lag.ms).toBeDefined();
      }
    });
  });

  it('the order of the nodes changes no tier', () => {
    always((picture, demand, context) => {
      const sets = (some: readonly NodeDescription[]) =>
        selectNodes({ ...picture, nodes: some }, demand, context).tiers.map((tier) =>
          tier.map((node) => node.name).sort(),
        );
      expect(sets([...picture.nodes].reverse())).toEqual(sets(picture.nodes));
    });
  });

  it('what is remembered is what would be decided', () => {
    fc.assert(
      fc.property(
        anyPicture,
        fc.array(anyDemand, { maxLength: 40 }),
        anyContext,
        (picture, demands, context) => {
          const selections = new Selections();
          for (const demand of [...demands, ...demands]) {
            expect(selections.of(picture, demand, context)).toEqual(selectNodes(picture, demand, context));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('what was decided', () => {
  it('is found again for the same demand, and decided anew for another one, another picture or other circumstances', () => {
    let decided = 0;
    const selections = new Selections((...args) => {
      decided++;
      return selectNodes(...args);
    });
    const tags = { disk: 'fast' };
    const [one, other] = [pictureOf([]), pictureOf([])];
    const ask = (picture: typeof one, demand: Demand, context = LIMITED) => {
      selections.of(picture, demand, context);
      return decided;
    };
    expect(ask(one, { target: 'any', tags })).toBe(1);
    expect(ask(one, { target: 'any', tags: { disk: 'fast' } })).toBe(1);
    tags.disk = 'slow';
    expect(ask(one, { target: 'any', tags })).toBe(2);
    expect(ask(one, { target: 'any', tags: {} })).toBe(3);
    expect(ask(one, { target: 'any' })).toBe(4);
    expect(ask(other, { target: 'any' })).toBe(5);
    expect(ask(other, { target: 'any' }, ANYTHING_GOES)).toBe(6);
    expect(ask(other, { target: 'any' }, ANYTHING_GOES)).toBe(6);
  });
});
