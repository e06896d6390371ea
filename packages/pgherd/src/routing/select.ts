import type { Target } from '../model/names.ts';
import { isTimelineSettled, type NodeDescription, type TopologyDescription } from '../model/topology.ts';

/** What a caller demands of a node. */
export interface Demand {
  readonly target: Target;
  /** Target to fall back to where no node suits the first one. */
  readonly fallback?: Target | undefined;
  /** Only this node, by name. */
  readonly node?: string | undefined;
  /** A standby further behind, or of unknown lag, does not suit. Milliseconds. */
  readonly maxLagMs?: number | undefined;
  /** A standby further behind, or of unknown lag, does not suit. Bytes. */
  readonly maxLagBytes?: number | undefined;
  /** Count the primary among the standbys, for this one choice. */
  readonly primaryReads?: boolean | undefined;
}

/** Circumstances of a choice that are not the caller's. */
export interface SelectionContext {
  /** Whether the first write may go out: every node has answered or failed, or the grace period is over. */
  readonly writesOpen: boolean;
  /** `report` lets stale and ambiguous nodes serve. */
  readonly fencing: 'strict' | 'report';
}

/** Why a node was not taken. */
export interface Rejection {
  readonly node: string;
  /** Plain words, with the numbers. */
  readonly reason: string;
}

/** Who could serve a demand, best first, and why the others could not. */
export interface Selection {
  /** Nodes of equal rank together; only those of the first non-empty tier are to be used. */
  readonly tiers: readonly (readonly NodeDescription[])[];
  readonly rejections: readonly Rejection[];
}

/** Decides who could serve `demand`. Pure. */
export function selectNodes(
  topology: TopologyDescription,
  demand: Demand,
  context: SelectionContext,
): Selection {
  const rejections: Rejection[] = [];
  const usable: NodeDescription[] = [];
  for (const node of topology.nodes) {
    const reason = unusableBecause(node, demand, context);
    if (reason === undefined) usable.push(node);
    else rejections.push({ node: node.name, reason });
  }
  const targets: Target[] = tiersOf(demand.target);
  if (demand.fallback !== undefined) targets.push(...tiersOf(demand.fallback));
  const taken = new Set<NodeDescription>();
  const tiers: NodeDescription[][] = [];
  for (const target of targets) {
    const tier = usable.filter((node) => !taken.has(node) && suits(node, target, demand, context));
    for (const node of tier) taken.add(node);
    tiers.push(...believedFirst(tier));
  }
  for (const node of usable) {
    if (!taken.has(node))
      rejections.push({ node: node.name, reason: unsuitableBecause(node, demand, context) });
  }
  return Object.freeze({ tiers: Object.freeze(tiers), rejections: Object.freeze(rejections) });
}

/** With fencing that only reports, a node that is not believed serves when no other of its rank can, never beside one. */
function believedFirst(tier: NodeDescription[]): NodeDescription[][] {
  const current = tier.filter((node) => node.standing === 'current');
  const others = tier.filter((node) => node.standing !== 'current');
  return [current, others].filter((nodes) => nodes.length > 0);
}

/** `prefer-…` targets are two passes, as in libpq. */
function tiersOf(target: Target): Target[] {
  if (target === 'prefer-standby') return ['standby', 'any'];
  if (target === 'prefer-primary') return ['prefer-primary', 'any'];
  return [target];
}

function unusableBecause(
  node: NodeDescription,
  demand: Demand,
  context: SelectionContext,
): string | undefined {
  if (demand.node !== undefined && node.name !== demand.node) return `only ${demand.node} was asked for`;
  if (node.health !== 'ok') return `${node.health}: ${node.healthReason ?? 'no reason known'}`;
  if (node.aliasOf !== undefined) return `the same server as ${node.aliasOf}`;
  if (node.role === 'unknown') return 'its role is not known yet';
  if (node.standing === 'foreign') return `foreign: ${node.standingReason ?? ''}`;
  if (node.standing !== 'current' && context.fencing === 'strict') {
    return `${node.standing}: ${node.standingReason ?? ''}`;
  }
  return undefined;
}

function suits(node: NodeDescription, target: Target, demand: Demand, context: SelectionContext): boolean {
  switch (target) {
    case 'prefer-primary':
      // Prefers for reading: no timeline and no grace period stand in the way.
      return node.role !== 'standby';
    case 'any':
    case 'prefer-standby':
      return node.role !== 'standby' || isFresh(node, demand);
    case 'read-write':
      return context.writesOpen && node.role === 'primary' && isTimelineSettled(node);
    case 'primary':
      return node.role !== 'standby' && context.writesOpen && isTimelineSettled(node);
    case 'standby':
      return isReader(node, demand) && isFresh(node, demand);
    case 'read-only':
      return (isReader(node, demand) || node.role === 'primary-read-only') && isFresh(node, demand);
    default:
      return target satisfies never;
  }
}

function isReader(node: NodeDescription, demand: Demand): boolean {
  return node.role === 'standby' || (demand.primaryReads === true && node.role === 'primary');
}

/** Unknown lag is not small lag. */
function isFresh(node: NodeDescription, demand: Demand): boolean {
  if (node.role !== 'standby') return true;
  const { maxLagMs, maxLagBytes } = demand;
  if (maxLagMs !== undefined && !(node.lag.ms !== undefined && node.lag.ms <= maxLagMs)) return false;
  return maxLagBytes === undefined || (node.lag.bytes !== undefined && node.lag.bytes <= maxLagBytes);
}

function unsuitableBecause(node: NodeDescription, demand: Demand, context: SelectionContext): string {
  const asked = [demand.target, demand.fallback];
  const writes = asked.includes('read-write') || asked.includes('primary');
  if (writes && node.role === 'primary') {
    if (!context.writesOpen) return 'a primary, but the first write waits until every node has answered';
    if (!isTimelineSettled(node)) return 'just promoted, its timeline is not known yet';
  }
  const wouldServe = [
    ...tiersOf(demand.target),
    ...(demand.fallback === undefined ? [] : tiersOf(demand.fallback)),
  ];
  if (!isFresh(node, demand) && wouldServe.some((target) => READS_STANDBYS.has(target))) {
    const known = `${node.lag.bytes ?? 'unknown'} bytes, ${node.lag.ms ?? 'unknown'} ms behind`;
    return `${known}; the limit is ${demand.maxLagBytes ?? 'no'} bytes, ${demand.maxLagMs ?? 'no'} ms`;
  }
  return `its role is ${node.role}`;
}

/** Targets that a standby can serve. */
const READS_STANDBYS: ReadonlySet<Target> = new Set(['any', 'standby', 'read-only']);
