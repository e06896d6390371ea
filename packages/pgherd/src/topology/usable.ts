import type { Fencing } from '../model/names.ts';
import type { NodeDescription } from '../model/topology.ts';

/**
 * Why the node gets no work at all, in plain words; `undefined` if it may get some. This is the one rule: the
 * choice of the writable node and the choice of a node for a call both ask here.
 */
export function unusableBecause(node: NodeDescription, fencing: Fencing): string | undefined {
  if (node.health !== 'ok') return `${node.health}: ${node.healthReason ?? 'no reason known'}`;
  if (node.aliasOf !== undefined) return `the same server as ${node.aliasOf}`;
  if (node.leadsTo !== undefined)
    return 'its address leads to another server than before, and the monitor has yet to look there';
  if (node.role === 'unknown') return 'its role is not known yet';
  if (node.standing === 'foreign') return `foreign: ${node.standingReason ?? ''}`;
  // This is no fencing but the operator's word, so it holds also with fencing that only reports.
  if (!node.promotable && node.role !== 'standby') {
    return 'out of recovery although promotable is false: its data are no longer those of the cluster';
  }
  if (node.standing === 'current' || fencing === 'report') return undefined;
  return `${node.standing}: ${node.standingReason ?? ''}`;
}

/** Why the node gets no writes because of the servers at its address; `undefined` if it may. */
export function unwritableAddress({ several }: NodeDescription): string | undefined {
  if (several?.barsWrites !== true) return undefined;
  return `${several.servers} servers of one system answer at its address, and not all can be written to`;
}
