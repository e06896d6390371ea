import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import type { Clock } from '../time/port.ts';
import { counterpart } from './diff.ts';

/** The newer picture, in which each node whose role, health or standing has changed has been so since now. */
export function datedAfter(
  before: TopologyDescription,
  after: TopologyDescription,
  { wallTime }: Pick<Clock, 'wallTime'>,
): TopologyDescription {
  const nodes = after.nodes.map((node, index) => {
    const old = counterpart(node, index, before);
    return old === undefined || isAlike(old, node)
      ? node
      : Object.freeze({ ...node, since: new Date(wallTime()).toISOString() });
  });
  return nodes.every((node, index) => node === after.nodes[index])
    ? after
    : Object.freeze({ ...after, nodes: Object.freeze(nodes) });
}

function isAlike(old: NodeDescription, node: NodeDescription): boolean {
  return (
    old === node || (old.role === node.role && old.health === node.health && old.standing === node.standing)
  );
}
