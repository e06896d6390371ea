import type { Fencing } from '../model/names.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { unusableBecause } from './usable.ts';

/**
 * Whether nothing more is to be learnt of the node's own timeline: it is known, or the server never returns any. A node that
 * just left recovery has none until a probe has returned it, and gets no writes before. One that has answered no probe yet may
 * still return one, and may turn out to be a second address of another node.
 */
export function isTimelineSettled(node: NodeDescription): boolean {
  if (node.timeline !== undefined) return true;
  if (node.rttMs === undefined) return false;
  return node.systemIdentifier === undefined && node.postmasterStartedAt === undefined;
}

/**
 * Whether this node may be written to: usable, out of recovery, not read-only, and its timeline settled. With `strict` fencing
 * at most one node of a picture is.
 */
export function isWritable(node: NodeDescription, fencing: Fencing): boolean {
  return node.role === 'primary' && isTimelineSettled(node) && unusableBecause(node, fencing) === undefined;
}

/** The node that writes go to: one that is believed, else, with fencing that only reports, the first that is not. */
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

/** The node that writes go to on this picture, as {@link chooseWritable} chose it; `undefined` while there is none. */
export function writableNode({ nodes, writable }: TopologyDescription): NodeDescription | undefined {
  return writable === undefined ? undefined : nodes.find((node) => node.name === writable);
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
