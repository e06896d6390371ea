import { isOutOfRecovery } from '../floors/claims.ts';
import type { Acceptance, Contest, WithdrawnFloor } from '../model/floors.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { findNode } from './topology.ts';
import { isTimelineSettled, writableNode } from './writable.ts';

/** One difference between two pictures, as an event reports it. */
export type TopologyChange =
  | { readonly kind: 'role'; readonly before: NodeDescription; readonly after: NodeDescription }
  | { readonly kind: 'health'; readonly before: NodeDescription; readonly after: NodeDescription }
  | { readonly kind: 'standing'; readonly before: NodeDescription; readonly after: NodeDescription }
  | {
      readonly kind: 'primary';
      readonly before: NodeDescription | undefined;
      readonly after: NodeDescription | undefined;
    }
  | { readonly kind: 'several-servers'; readonly node: NodeDescription }
  | { readonly kind: 'added'; readonly node: NodeDescription }
  | { readonly kind: 'removed'; readonly node: NodeDescription }
  | { readonly kind: 'replaced'; readonly before: string; readonly after: string; readonly adopted: boolean }
  | { readonly kind: 'split-brain'; readonly nodes: readonly NodeDescription[] }
  | { readonly kind: 'foreign'; readonly systemIdentifiers: readonly string[] }
  | { readonly kind: 'floor-withdrawn'; readonly withdrawn: WithdrawnFloor }
  | { readonly kind: 'contest'; readonly before: Contest | undefined; readonly after: Contest | undefined }
  | { readonly kind: 'epoch-written'; readonly acceptance: Acceptance };

/** What changed, in the order of the events. Positions and round trips are no change. */
export function changesBetween(before: TopologyDescription, after: TopologyDescription): TopologyChange[] {
  const changes: TopologyChange[] = [];
  for (const [index, node] of before.nodes.entries()) {
    if (counterpart(node, index, after) === undefined) changes.push({ kind: 'removed', node });
  }
  for (const [index, node] of after.nodes.entries()) {
    const old = counterpart(node, index, before);
    if (old === undefined) changes.push({ kind: 'added', node });
    if (old === undefined || old === node) continue;
    if (old.health !== node.health) changes.push({ kind: 'health', before: old, after: node });
    if (old.role !== node.role) changes.push({ kind: 'role', before: old, after: node });
    if (old.standing !== node.standing) changes.push({ kind: 'standing', before: old, after: node });
    if (old.several?.barsWrites !== node.several?.barsWrites) changes.push({ kind: 'several-servers', node });
  }
  const { withdrawn } = after;
  if (withdrawn !== undefined && withdrawn !== before.withdrawn) {
    changes.push({ kind: 'floor-withdrawn', withdrawn });
  }
  if (after.contest !== before.contest) {
    changes.push({ kind: 'contest', before: before.contest, after: after.contest });
  }
  const acceptance = after.acceptances.at(-1);
  if (acceptance !== undefined && acceptance !== before.acceptances.at(-1)) {
    changes.push({ kind: 'epoch-written', acceptance });
  }
  const [lost, found] = [writableNode(before), writableNode(after)];
  if (lost?.name !== found?.name) changes.push({ kind: 'primary', before: lost, after: found });
  const ambiguous = splitFrom(after);
  if (ambiguous.length > 0 && splitFrom(before).length === 0) {
    changes.push({ kind: 'split-brain', nodes: ambiguous });
  }
  if (after.identityConflict !== undefined && before.identityConflict === undefined) {
    changes.push({ kind: 'foreign', systemIdentifiers: after.identityConflict });
  }
  const replaced = replacementBetween(before, after);
  if (replaced !== undefined) changes.push(replaced);
  return changes;
}

/**
 * Nodes that claim what another one claims. A claim from before the other server's restart is not reported as
 * a split brain yet: it may come from a second address of that server, which has not been probed since.
 */
function splitFrom(topology: TopologyDescription): NodeDescription[] {
  const claims = topology.nodes.filter(
    (node) =>
      isOutOfRecovery(node) &&
      node.health !== 'offline' &&
      node.aliasOf === undefined &&
      (node.standing === 'current' || node.standing === 'ambiguous'),
  );
  return topology.nodes.filter(
    (node) =>
      node.standing === 'ambiguous' &&
      claims.some((other) => other !== node && !isOverdue(node, other) && !isOverdue(other, node)),
  );
}

/** Whether `node` was last probed before the restart of `other`. */
function isOverdue(node: NodeDescription, other: NodeDescription): boolean {
  if (other.generation === 0 || other.lifeSince === undefined || node.lsnAt === undefined) return false;
  return node.lsnAt < other.lifeSince;
}

/**
 * The node of that name in another picture. The order of the nodes is the same unless the list has changed.
 */
export function counterpart(
  node: NodeDescription,
  index: number,
  topology: TopologyDescription,
): NodeDescription | undefined {
  const there = topology.nodes[index];
  return there?.name === node.name ? there : findNode(topology, node.name);
}

/** Reported once: when another system is confirmed in this cluster's place, or when it is adopted. */
function replacementBetween(
  before: TopologyDescription,
  after: TopologyDescription,
): TopologyChange | undefined {
  const [old, now] = [before.systemIdentifier, after.systemIdentifier];
  if (old === undefined) return undefined;
  if (now !== undefined && now !== old) return { kind: 'replaced', before: old, after: now, adopted: true };
  const { replacement } = after;
  if (replacement?.confirmed !== true || before.replacement?.confirmed === true) return undefined;
  return { kind: 'replaced', before: old, after: replacement.systemIdentifier, adopted: false };
}

/** Whether a selection may come out differently on the newer picture. */
export function affectsRouting(before: TopologyDescription, after: TopologyDescription): boolean {
  if (before.nodes.length !== after.nodes.length || before.startedAt !== after.startedAt) return true;
  if (before.replacement !== after.replacement || before.writesOpen !== after.writesOpen) return true;
  return after.nodes.some((node, index) => {
    const old = before.nodes[index];
    return old?.name !== node.name || (old !== node && differs(old, node));
  });
}

/** Whether a call with a lag limit of its own may find another node now. */
export function affectsLag(before: TopologyDescription, after: TopologyDescription): boolean {
  return after.nodes.some((node, index) => {
    const old = before.nodes[index];
    return old === undefined || old.lag.bytes !== node.lag.bytes || old.lag.ms !== node.lag.ms;
  });
}

function differs(old: NodeDescription, node: NodeDescription): boolean {
  return (
    old.health !== node.health ||
    old.role !== node.role ||
    old.standing !== node.standing ||
    old.aliasOf !== node.aliasOf ||
    old.diverged !== node.diverged ||
    old.contested !== node.contested ||
    old.timeline !== node.timeline ||
    old.leadsTo !== node.leadsTo ||
    old.several !== node.several ||
    // A server may stop, or begin, to return what its timeline depends on.
    isTimelineSettled(old) !== isTimelineSettled(node) ||
    old.connectFailure !== node.connectFailure ||
    old.lagging !== node.lagging ||
    (old.lag.bytes === undefined) !== (node.lag.bytes === undefined) ||
    (old.lag.ms === undefined) !== (node.lag.ms === undefined) ||
    old.zone !== node.zone ||
    old.tags !== node.tags ||
    old.readable !== node.readable ||
    old.promotable !== node.promotable
  );
}
