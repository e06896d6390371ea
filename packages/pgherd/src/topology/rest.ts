import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { unknownNode } from './node.ts';

/** Why the nodes of a cluster that rests are not `ok`. */
export const RESTS = 'the cluster rests: nodes are asked again when it is used';

/**
 * The topology of a cluster that rests. What was seen of the nodes is forgotten, as before the start: it would be believed long after
 * it has become wrong. What keeps writes from the wrong node stays: the levels with their witnesses, epochs that were accepted or given up,
 * the node that was written to last, and the identity of the cluster and of the nodes.
 */
export function restingTopology(topology: TopologyDescription): TopologyDescription {
  return Object.freeze({
    ...topology,
    version: topology.version + 1,
    startedAt: undefined,
    writable: undefined,
    primaryLostAt: undefined,
    writesOpen: false,
    barred: undefined,
    contest: undefined,
    identityConflict: undefined,
    replacement: undefined,
    positions: Object.freeze([]),
    nodes: Object.freeze(topology.nodes.map(restingNode)),
  });
}

function restingNode(node: NodeDescription): NodeDescription {
  const { zone, tags, promotable, readable, origin } = node;
  return Object.freeze({
    ...unknownNode(node.address, { zone, tags, promotable, readable, origin }),
    healthReason: RESTS,
    systemIdentifier: node.systemIdentifier,
    serverVersion: node.serverVersion,
    // What an answer that is still on its way says is not believed.
    generation: node.generation + 1,
  });
}

/** Whether the node has answered or failed, so that nothing need wait for it. */
export function isAccountedFor({ rttMs, connectFailure, silentSince }: NodeDescription): boolean {
  return rttMs !== undefined || connectFailure !== undefined || silentSince !== undefined;
}
