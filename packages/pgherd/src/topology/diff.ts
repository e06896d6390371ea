import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { writableNode } from './writable.ts';

/** One difference between two pictures, in the words of the events. */
export type TopologyChange =
  | { readonly kind: 'role'; readonly before: NodeDescription; readonly after: NodeDescription }
  | { readonly kind: 'health'; readonly before: NodeDescription; readonly after: NodeDescription }
  | { readonly kind: 'standing'; readonly before: NodeDescription; readonly after: NodeDescription }
  | {
      readonly kind: 'primary';
      readonly before: NodeDescription | undefined;
      readonly after: NodeDescription | undefined;
    }
  | { readonly kind: 'split-brain'; readonly nodes: readonly NodeDescription[] }
  | { readonly kind: 'foreign'; readonly systemIdentifiers: readonly string[] };

/** What changed, in the order in which it is told. Positions and round trips are no change. */
export function changesBetween(before: TopologyDescription, after: TopologyDescription): TopologyChange[] {
  const changes: TopologyChange[] = [];
  for (const node of after.nodes) {
    const old = before.nodes.find((one) => one.name === node.name);
    if (old === undefined || old === node) continue;
    if (old.health !== node.health) changes.push({ kind: 'health', before: old, after: node });
    if (old.role !== node.role) changes.push({ kind: 'role', before: old, after: node });
    if (old.standing !== node.standing) changes.push({ kind: 'standing', before: old, after: node });
  }
  const [lost, found] = [writableNode(before), writableNode(after)];
  if (lost?.name !== found?.name) changes.push({ kind: 'primary', before: lost, after: found });
  const ambiguous = after.nodes.filter((node) => node.standing === 'ambiguous');
  if (ambiguous.length > 0 && !before.nodes.some((node) => node.standing === 'ambiguous')) {
    changes.push({ kind: 'split-brain', nodes: ambiguous });
  }
  if (after.identityConflict !== undefined && before.identityConflict === undefined) {
    changes.push({ kind: 'foreign', systemIdentifiers: after.identityConflict });
  }
  return changes;
}

/** Whether a choice of nodes may come out differently on the newer picture. */
export function affectsRouting(before: TopologyDescription, after: TopologyDescription): boolean {
  if (before.nodes.length !== after.nodes.length || before.startedAt !== after.startedAt) return true;
  return after.nodes.some((node, index) => {
    const old = before.nodes[index];
    return old === undefined || (old !== node && differs(old, node));
  });
}

function differs(old: NodeDescription, node: NodeDescription): boolean {
  return (
    old.health !== node.health ||
    old.role !== node.role ||
    old.standing !== node.standing ||
    old.aliasOf !== node.aliasOf ||
    old.timeline !== node.timeline ||
    old.connectFailure !== node.connectFailure ||
    old.lag.bytes !== node.lag.bytes ||
    old.lag.ms !== node.lag.ms
  );
}
