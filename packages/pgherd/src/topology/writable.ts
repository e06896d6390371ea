import type { NodeDescription, TopologyDescription } from '../model/topology.ts';

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
    (node.timeline !== undefined || node.systemIdentifier === undefined)
  );
}
