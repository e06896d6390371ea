import type { Fencing } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { unusableBecause, unwritableAddress } from './usable.ts';

/**
 * Whether the node's own timeline is known, or the server never returns one. A node that just left recovery
 * has none until the next probe, and gets no writes before. A node that has answered no probe yet may still
 * return one, and may turn out to be a second address of another node.
 */
export function isTimelineSettled(node: NodeDescription): boolean {
  if (node.timeline !== undefined) return true;
  if (node.rttMs === undefined) return false;
  return node.systemIdentifier === undefined && node.postmasterStartedAt === undefined;
}

/**
 * Whether this node may be written to: usable, out of recovery, not read-only, its timeline settled, its claim not
 * contested, and what is known of its address does not forbid it. With `strict` fencing at most one node of a picture
 * is.
 */
export function isWritable(node: NodeDescription, fencing: Fencing): boolean {
  return (
    node.role === 'primary' &&
    isTimelineSettled(node) &&
    !node.contested &&
    unwritableAddress(node) === undefined &&
    unusableBecause(node, fencing) === undefined
  );
}

/**
 * The node that writes go to: one that is believed, else, with fencing that only reports, the first that is
 * not.
 */
export function chooseWritable(
  nodes: readonly NodeDescription[],
  fencing: Fencing,
): NodeDescription | undefined {
  let unbelieved: NodeDescription | undefined;
  for (const node of nodes) {
    if (!isWritable(node, fencing)) continue;
    if (node.standing === 'current') return node;
    unbelieved ??= node;
  }
  return unbelieved;
}

/**
 * The node that writes go to on this picture, as {@link chooseWritable} chose it; `undefined` while there is
 * none.
 */
export function writableNode({ nodes, writable }: TopologyDescription): NodeDescription | undefined {
  return writable === undefined ? undefined : nodes.find((node) => node.name === writable);
}
