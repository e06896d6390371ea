import { describe, expect, it } from 'vitest';
import { withShown } from '../../src/floors/levels.ts';
import type { NodeAddress, NodeDescription } from '../../src/model/topology.ts';
import { NO_LABELS, nodeName } from '../../src/topology/node.ts';
import { withNamed } from '../../src/topology/succession.ts';
import { addressOf, SETTINGS, SYSTEM } from '../support/evidence.ts';
import { describedNode, pictureOf } from '../support/nodes.ts';

const before = addressOf('a');
const to: NodeAddress = { ...before, hostaddr: '192.0.2.1', isOneOfSeveral: true };
const other: NodeAddress = { ...to, hostaddr: '192.0.2.2' };
const listed = [to, other].map((address) => ({ address, labels: NO_LABELS }));
const from = nodeName(before);
const primary = (more: Partial<NodeDescription> = {}) =>
  describedNode('a', { role: 'primary', roleAt: 10, timeline: 3, lsnAt: 10, ...more });

function pictureWith(node: NodeDescription) {
  const showing = { systemIdentifier: SYSTEM, timeline: 3, node: from, start: '17', askedAt: 9, at: 10 };
  const levels = withShown({}, showing);
  return { ...pictureOf([node]), systemIdentifier: SYSTEM, levels, incumbent: from, writable: from };
}

describe('a name that becomes several nodes', () => {
  it('the one where it was reached takes over what is known, and the writes', () => {
    const picture = pictureWith(primary());
    const { after, successors } = withNamed(picture, listed, { from, to }, SETTINGS, 20);
    const [first, second] = after.nodes;
    expect(first).toMatchObject({
      name: nodeName(to),
      address: to,
      health: 'ok',
      role: 'primary',
      timeline: 3,
    });
    expect(second).toMatchObject({ name: nodeName(other), health: 'suspect', role: 'unknown' });
    expect(after).toMatchObject({ writable: nodeName(to), incumbent: nodeName(to), floor: 3 });
    expect(after.levels[SYSTEM]?.[0]?.witnesses).toMatchObject([{ node: nodeName(to), starts: ['17'] }]);
    expect([...successors]).toEqual([[from, nodeName(to)]]);
  });

  it.each([
    ['several servers answer there', primary({ several: { since: 1, servers: 2, barsWrites: false } })],
    ['its address leads elsewhere', primary({ leadsTo: '18' })],
  ])('%s: nothing is taken over', (_what, node) => {
    const { after, successors } = withNamed(pictureWith(node), listed, { from, to }, SETTINGS, 20);
    expect(after.nodes.map(({ role }) => role)).toEqual(['unknown', 'unknown']);
    expect(after.writable).toBeUndefined();
    expect(successors.size).toBe(0);
  });

  it('it was never reached: nothing is taken over, but its floor stays', () => {
    const { after, successors } = withNamed(pictureWith(primary()), listed, undefined, SETTINGS, 20);
    expect(after.nodes.map(({ role }) => role)).toEqual(['unknown', 'unknown']);
    expect(after.floor).toBe(3);
    expect(successors.size).toBe(0);
  });
});
