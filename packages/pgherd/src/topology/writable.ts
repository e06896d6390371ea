import { isTimelineSettled, type NodeDescription, type TopologyDescription } from '../model/topology.ts';

/**
 * The node that writes may be sent to, or `undefined` while there is none that can be believed: healthy, out of
 * recovery, not read-only, of this cluster, and on the highest timeline seen.
 */
export function writableNode(topology: TopologyDescription): NodeDescription | undefined {
  return topology.nodes.find((node) => isWritable(node));
}

/** Whether this very node may be written to. A primary whose timeline nobody has told yet may not. */
export function isWritable(node: NodeDescription): boolean {
  return (
    node.role === 'primary' &&
    node.health === 'ok' &&
    node.standing === 'current' &&
    node.aliasOf === undefined &&
    node.promotable &&
    isTimelineSettled(node)
  );
}

/**
 * Nodes that may be written to soon, at the moments when that becomes likely: every standby when the primary is lost,
 * and the one that has just left recovery. None where nothing was written yet.
 */
export function likelyWriters(before: TopologyDescription, after: TopologyDescription): string[] {
  if (after.incumbent === undefined || writableNode(after) !== undefined) return [];
  const lost = writableNode(before) !== undefined;
  const likely = after.nodes.filter((node) => {
    if (node.health !== 'ok' || node.standing !== 'current' || !node.promotable) return false;
    if (node.role === 'standby') return lost;
    const old = before.nodes.find((one) => one.name === node.name);
    return node.role === 'primary' && old?.role === 'standby';
  });
  return likely.map((node) => node.name);
}
