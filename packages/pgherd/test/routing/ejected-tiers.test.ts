import { describe, expect, it } from 'vitest';
import type { NodeDescription } from '../../src/model/topology.ts';
import { type Demand, selectNodes } from '../../src/routing/select.ts';
import { named } from '../support/evidence.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';
import { ANYTHING_GOES } from '../support/selection.ts';

const STANDBY = { role: 'standby', lag: { bytes: 0, ms: 0 } } as const;
const NODES: readonly NodeDescription[] = [
  describedNode('p', { role: 'primary', timeline: 2 }),
  describedNode('s', STANDBY),
  describedNode('t', { ...STANDBY, zone: 'eu' }),
  describedNode('u', STANDBY),
];

/** The tiers as letters, those of one tier together. */
function tiers(demand: Demand, ejected: string, nodes = NODES, zones: readonly string[] = []): string {
  const context = {
    ...ANYTHING_GOES,
    zones,
    ejected: new Map([...ejected].map((letter) => [named(letter), 'its calls fail'])),
  };
  const selection = selectNodes(pictureOf(nodes), demand, context);
  expect(selection.reasons).toHaveLength(selection.tiers.length);
  return selection.tiers.map((tier) => tier.map(({ name }) => name.charAt(0)).join('')).join(' ');
}

describe('ejected nodes', () => {
  it.each<[Demand['target'], string, string]>([
    ['standby', 's', 'tu s'],
    ['standby', 'st', 'u s t'],
    ['prefer-standby', 's', 'tu p s'],
    ['read-only', 't', 'su t'],
    ['any', 'p', 'stu p'],
    ['read-write', 'p', 'p'],
    ['primary', 'p', 'p'],
    ['prefer-primary', 'p', 'p stu'],
    ['prefer-primary', 's', 'p tu s'],
  ])('%s without %s: %s', (target, ejected, expected) => {
    expect(tiers({ target }, ejected)).toBe(expected);
  });

  it('come after all others, in whatever zone', () => {
    expect(tiers({ target: 'standby' }, 't', NODES, ['eu'])).toBe('su t');
  });

  it('serve the call that names them', () => {
    expect(tiers({ target: 'standby', node: named('s') }, 's')).toBe('s');
  });

  it('say why', () => {
    const context = { ...ANYTHING_GOES, ejected: new Map([[named('s'), 'its calls fail']]) };
    const { reasons } = selectNodes(pictureOf(NODES), { target: 'standby' }, context);
    expect(reasons).toEqual(['suits standby', 'suits standby, but ejected: its calls fail']);
  });

  it('are as good as all others where fewer than half of the nodes would be left', () => {
    const lost = NODES.map((node) =>
      'tu'.includes(node.name.charAt(0)) ? { ...node, health: 'offline' as const } : node,
    );
    expect(tiers({ target: 'standby' }, 's', lost)).toBe('s');
    expect(tiers({ target: 'any' }, 's', lost)).toBe('ps');
    const oneLost = NODES.map((node) =>
      node.name.startsWith('t') ? { ...node, health: 'offline' as const } : node,
    );
    expect(tiers({ target: 'any' }, 's', oneLost)).toBe('pu s');
  });
});
