import { describe, expect, it } from 'vitest';
import { TARGETS, type Target } from '../../src/model/names.ts';
import type { Lag, NodeDescription } from '../../src/model/topology.ts';
import { type Demand, type Selection, type SelectionContext, selectNodes } from '../../src/routing/select.ts';
import { named } from '../support/evidence.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';
import { ANYTHING_GOES } from '../support/selection.ts';

const OPEN = ANYTHING_GOES;

/** One node of each kind: p primary, n just promoted, r read-only primary, s standby, u unknown. */
const KINDS: Readonly<Record<string, Partial<NodeDescription>>> = {
  p: { role: 'primary', timeline: 2 },
  n: { role: 'primary', timeline: undefined },
  r: { role: 'primary-read-only', timeline: 2 },
  s: { role: 'standby', lag: { bytes: 0, ms: 0 } },
  u: { role: 'unknown' },
};
const ALL = 'pnrsu';

function select(
  demand: Demand | Target,
  context: SelectionContext = OPEN,
  change: Partial<NodeDescription> = {},
  writesOpen = true,
): Selection {
  const nodes = [...ALL].map((letter) => describedNode(letter, { ...KINDS[letter], ...change }));
  const asked = typeof demand === 'string' ? { target: demand } : demand;
  return selectNodes(pictureOf(nodes, writesOpen), asked, context);
}

/** The same before writes are open. */
function selectClosed(target: Target): Selection {
  return select(target, OPEN, {}, false);
}

/** Tiers as letters: `s pnr`. */
function tiersOf({ tiers }: Selection): string {
  return tiers.map((tier) => tier.map((node) => node.name.charAt(0)).join('')).join(' ');
}

function reasonFor(selection: Selection, letter: string): string | undefined {
  return selection.rejections.find((one) => one.node === named(letter))?.reason;
}

describe('who serves a target', () => {
  const MATRIX: readonly (readonly [Target, string, string])[] = [
    ['any', 'pnrs', 'pnrs'],
    ['read-write', 'p', ''],
    ['read-only', 'rs', 'rs'],
    ['primary', 'pr', ''],
    ['standby', 's', 's'],
    ['prefer-standby', 's pnr', 's'],
    ['prefer-primary', 'pnr s', 'pnr'],
  ];

  it('is decided for every target', () => {
    expect(MATRIX.map(([target]) => target).sort()).toEqual([...TARGETS].sort());
  });

  it.each(MATRIX)('%s: %s, and before writes are open: %s', (target, open, closed) => {
    expect(tiersOf(select(target))).toBe(open);
    expect(tiersOf(selectClosed(target))).toBe(closed);
  });

  it.each(
    TARGETS.flatMap((target) =>
      (
        [
          [target, { health: 'suspect', healthReason: 'no answer' }, /^suspect: no answer$/],
          [target, { health: 'offline', healthReason: 'refused' }, /^offline: refused$/],
          [target, { standing: 'stale', standingReason: 'timeline 1' }, /^stale: timeline 1$/],
          [target, { standing: 'ambiguous', standingReason: 'two' }, /^ambiguous: two$/],
          [target, { standing: 'foreign', standingReason: 'other' }, /^foreign: other$/],
          [target, { aliasOf: 'x:5432' }, /^the same server as x:5432$/],
          [target, { role: 'unknown' }, /^its role is not known yet$/],
        ] as const
      ).map(([...row]) => row),
    ),
  )('%s: no node that is %o', (target, change, reason) => {
    const selection = select(target, OPEN, change);
    expect(selection.tiers).toEqual([]);
    for (const letter of 'pnrs') expect(reasonFor(selection, letter)).toMatch(reason);
  });

  it.each(
    TARGETS,
  )('%s: fencing by report lets stale and ambiguous nodes serve, but no foreign one', (target) => {
    const report: SelectionContext = { ...OPEN, fencing: 'report' };
    for (const standing of ['stale', 'ambiguous'] as const) {
      expect(tiersOf(select(target, report, { standing }))).toBe(tiersOf(select(target)));
    }
    expect(select(target, report, { standing: 'foreign' }).tiers).toEqual([]);
  });

  it('fencing by report never puts a node that is not believed beside one that is', () => {
    const stale = { role: 'primary', timeline: 1, standing: 'stale' } as const;
    const nodes = [describedNode('o', stale), describedNode('p', { role: 'primary', timeline: 2 })];
    const selection = selectNodes(pictureOf(nodes), { target: 'read-write' }, { ...OPEN, fencing: 'report' });
    expect(tiersOf(selection)).toBe('p o');
  });

  it('every node is in a tier or told why not', () => {
    for (const target of TARGETS) {
      for (const { tiers, rejections } of [select(target), selectClosed(target)]) {
        const names = [...tiers.flat().map((node) => node.name), ...rejections.map(({ node }) => node)];
        expect(names.sort()).toEqual([...ALL].map(named).sort());
        for (const { reason } of rejections) expect(reason).toMatch(/\w/);
      }
    }
  });
});

describe('a fallback', () => {
  it.each<[Target, Target, string]>([
    ['standby', 'primary', 's pr'],
    ['standby', 'any', 's pnr'],
    ['read-write', 'read-only', 'p rs'],
    ['read-only', 'prefer-standby', 'rs pn'],
    ['any', 'standby', 'pnrs'],
  ])('of %s to %s gives %s', (target, fallback, expected) => {
    expect(tiersOf(select({ target, fallback }))).toBe(expected);
  });

  it('is not taken while a node of the first choice may still answer', () => {
    expect(tiersOf(select({ target: 'standby', fallback: 'any' }, OPEN, {}, false))).toBe('s');
  });
});

describe('the one node that is asked for', () => {
  it('is the only one, if it suits', () => {
    expect(tiersOf(select({ target: 'any', node: named('s') }))).toBe('s');
    const selection = select({ target: 'read-write', node: named('s') });
    expect(selection.tiers).toEqual([]);
    expect(reasonFor(selection, 's')).toBe('its role is standby');
    expect(reasonFor(selection, 'p')).toBe('only s:5432 was asked for');
  });
});

describe('the primary among the standbys', () => {
  it.each<[Target, string]>([
    ['standby', 'pns'],
    ['read-only', 'pnrs'],
    ['prefer-standby', 'pns r'],
    ['read-write', 'p'],
  ])('%s: %s', (target, expected) => {
    expect(tiersOf(select({ target, primaryReads: true }))).toBe(expected);
  });
});

describe('limits of lag', () => {
  const LAGS: readonly (readonly [string, Partial<Demand>, Lag, boolean])[] = [
    ['no limit, unknown lag', {}, { bytes: undefined, ms: undefined }, true],
    ['bytes at the limit', { maxLagBytes: 100 }, { bytes: 100, ms: undefined }, true],
    ['bytes above the limit', { maxLagBytes: 100 }, { bytes: 101, ms: 0 }, false],
    ['unknown bytes', { maxLagBytes: 100 }, { bytes: undefined, ms: 0 }, false],
    ['ms at the limit', { maxLagMs: 50 }, { bytes: 999, ms: 50 }, true],
    ['ms above the limit', { maxLagMs: 50 }, { bytes: 0, ms: 51 }, false],
    ['unknown ms', { maxLagMs: 50 }, { bytes: 1, ms: undefined }, false],
    ['no lag at all, no tolerance', { maxLagMs: 0, maxLagBytes: 0 }, { bytes: 0, ms: 0 }, true],
    ['one of two limits passed', { maxLagMs: 50, maxLagBytes: 100 }, { bytes: 200, ms: 10 }, false],
  ];

  it.each(LAGS)('%s', (_name, limits, lag, suits) => {
    for (const target of ['standby', 'read-only', 'any'] as const) {
      const selection = select({ target, ...limits }, OPEN, { lag });
      expect(tiersOf(selection).includes('s')).toBe(suits);
      if (!suits) expect(reasonFor(selection, 's')).toMatch(/behind; the limit is/);
    }
  });

  it('are kept at the start although standbys beyond them may serve', () => {
    const stale = { target: 'standby', maxLagMs: 1, allowStale: true } as const;
    const lag = { lag: { bytes: 0, ms: 50 } };
    expect(tiersOf(select(stale, OPEN, lag, false))).toBe('');
    expect(tiersOf(select(stale, OPEN, lag))).toBe('s');
  });

  it('do not concern a primary', () => {
    const unknown = { lag: { bytes: undefined, ms: undefined } };
    expect(tiersOf(select({ target: 'prefer-standby', maxLagMs: 1 }, OPEN, unknown))).toBe('pnr');
    expect(tiersOf(select({ target: 'read-write', maxLagMs: 1 }, OPEN, unknown))).toBe('p');
  });

  it('are not the reason where a standby would not serve anyway', () => {
    const selection = select({ target: 'read-write', maxLagMs: 1 }, OPEN, {
      lag: { bytes: undefined, ms: undefined },
    });
    expect(reasonFor(selection, 's')).toBe('its role is standby');
  });
});

describe('the reason', () => {
  it.each<[Target, string, (target: Target) => Selection, RegExp]>([
    ['read-write', 'p', selectClosed, /the first write waits until every node has answered/],
    ['primary', 'p', selectClosed, /the first write waits until every node has answered/],
    ['read-write', 'n', select, /just promoted: its timeline is not known yet/],
    ['primary', 'n', select, /just promoted: its timeline is not known yet/],
    ['read-write', 'r', select, /^its role is primary-read-only: /],
    ['standby', 'p', select, /^its role is primary$/],
    ['standby', 'n', selectClosed, /^its role is primary$/],
    ['prefer-standby', 'p', selectClosed, /^a primary, .* second waits until every node has answered/],
    ['prefer-primary', 's', selectClosed, /^a standby, .* second waits until every node has answered/],
    ['any', 'u', select, /^its role is not known yet$/],
  ])('why %s does not take %s', (target, letter, selecting, reason) => {
    expect(reasonFor(selecting(target), letter)).toMatch(reason);
  });
});
