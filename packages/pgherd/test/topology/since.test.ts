import { describe, expect, it } from 'vitest';
import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { datedAfter } from '../../src/topology/since.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';

const [A, B] = [describedNode('a', {}), describedNode('b', {})];
const picture = (...nodes: NodeDescription[]): TopologyDescription => pictureOf(nodes);

const at = (day: number) => ({ wallTime: () => Date.UTC(2026, 0, day) });
const DAY_7 = '2026-01-07T00:00:00.000Z';
const sinceOf = ({ nodes }: TopologyDescription) => nodes.map(({ since }) => since);

describe('since when a node has been what it is', () => {
  it('is not known before anything is known of it', () => {
    expect(sinceOf(datedAfter(picture(), picture(A), at(5)))).toEqual([undefined]);
  });

  it.each<[string, Partial<NodeDescription>]>([
    ['role', { role: 'standby' }],
    ['health', { health: 'offline' }],
    ['standing', { standing: 'stale' }],
  ])('begins when its %s changes, and not with other changes', (_what, change) => {
    const first = picture(A, B);
    const second = datedAfter(first, picture({ ...A, ...change }, B), at(7));
    expect(sinceOf(second)).toEqual([DAY_7, undefined]);
    expect(second.nodes[1]).toBe(B);
    const [a = A, b = B] = second.nodes;
    const third = picture({ ...a, rttMs: 3 }, b);
    expect(datedAfter(second, third, at(9))).toBe(third);
    expect(sinceOf(third)).toEqual([DAY_7, undefined]);
  });

  it('stays with the node if the list changes', () => {
    const first = datedAfter(picture(A, B), picture(A, { ...B, role: 'primary' }), at(7));
    const [, b = B] = first.nodes;
    expect(sinceOf(datedAfter(first, picture(b), at(9)))).toEqual([DAY_7]);
  });
});
