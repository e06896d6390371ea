import type { Standing } from '../model/names.ts';
import { isTimelineSettled, type NodeDescription, type TopologyDescription } from '../model/topology.ts';

/** Settings of the arbitration between nodes. */
export interface ArbitrationSettings {
  /** The only cluster to be believed, where the user pinned it. */
  readonly systemIdentifier: string | undefined;
}

/** Whether the node says that it is out of recovery. */
export function isOutOfRecovery(node: NodeDescription): boolean {
  return node.role === 'primary' || node.role === 'primary-read-only';
}

/**
 * Weighs the nodes against each other: which cluster this is, which timeline is the highest seen, which of several
 * claims to be the primary is believed. Pure: the same nodes and memory give the same verdicts.
 */
export function arbitrate(topology: TopologyDescription, settings: ArbitrationSettings): TopologyDescription {
  const nodes = withAliases(topology.nodes);
  const identity = decideIdentity(topology, nodes, settings);
  const floors = raisedFloors(topology.floors, nodes, identity.systemIdentifier);
  const floor = floorOf(floors, identity.systemIdentifier);
  const claims = nodes.filter((node) => claimsEpoch(node, identity.systemIdentifier, floor));
  const judged = nodes.map((node) => judge(node, topology, identity, floor, claims));
  return Object.freeze({
    ...topology,
    systemIdentifier: identity.systemIdentifier,
    identityConflict: identity.conflict,
    floor,
    floors,
    nodes: Object.freeze(withLag(judged)),
  });
}

interface Identity {
  readonly systemIdentifier: string | undefined;
  readonly conflict: readonly string[] | undefined;
}

/**
 * Before anything was written, the system that has a primary is the cluster; two such systems are a conflict that
 * only the user can settle. Once writes have been sent the identity stays.
 */
function decideIdentity(
  topology: TopologyDescription,
  nodes: readonly NodeDescription[],
  settings: ArbitrationSettings,
): Identity {
  if (settings.systemIdentifier !== undefined) {
    return { systemIdentifier: settings.systemIdentifier, conflict: undefined };
  }
  if (topology.incumbent !== undefined && topology.systemIdentifier !== undefined) {
    return { systemIdentifier: topology.systemIdentifier, conflict: undefined };
  }
  const withPrimary = new Set<string>();
  const seen = new Map<string, number>();
  for (const node of nodes) {
    if (node.systemIdentifier === undefined) continue;
    seen.set(node.systemIdentifier, (seen.get(node.systemIdentifier) ?? 0) + 1);
    if (isOutOfRecovery(node)) withPrimary.add(node.systemIdentifier);
  }
  if (withPrimary.size > 1)
    return { systemIdentifier: undefined, conflict: Object.freeze([...withPrimary].sort()) };
  const [only] = withPrimary;
  return { systemIdentifier: only ?? mostFrequent(seen), conflict: undefined };
}

function mostFrequent(counts: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  for (const [name, count] of counts) {
    if (best === undefined || count > (counts.get(best) ?? 0)) best = name;
  }
  return best;
}

/** Under this name stand the floors of nodes whose cluster nobody could tell. */
const NO_SYSTEM = '';

/** Floors never fall, and outlive a conflict or a change of identity: that system may come back. */
function raisedFloors(
  floors: Readonly<Record<string, number>>,
  nodes: readonly NodeDescription[],
  systemIdentifier: string | undefined,
): Readonly<Record<string, number>> {
  let raised = floors;
  for (const node of nodes) {
    if (!isOutOfRecovery(node) || node.timeline === undefined) continue;
    const system = node.systemIdentifier ?? systemIdentifier ?? NO_SYSTEM;
    if (node.timeline > (raised[system] ?? 0)) raised = { ...raised, [system]: node.timeline };
  }
  return Object.freeze(raised);
}

function floorOf(
  floors: Readonly<Record<string, number>>,
  systemIdentifier: string | undefined,
): number | undefined {
  const floor = Math.max(floors[systemIdentifier ?? NO_SYSTEM] ?? 0, floors[NO_SYSTEM] ?? 0);
  return floor > 0 ? floor : undefined;
}

/**
 * Whether the node says that it is the primary of the newest epoch. One that does not tell its system is not known to be
 * of another; one that tells no timeline is not known to be older.
 */
function claimsEpoch(
  node: NodeDescription,
  systemIdentifier: string | undefined,
  floor: number | undefined,
): boolean {
  if (!isOutOfRecovery(node) || node.health === 'offline' || node.aliasOf !== undefined) return false;
  if (node.systemIdentifier !== undefined && node.systemIdentifier !== systemIdentifier) return false;
  if (node.timeline !== undefined) return node.timeline === floor;
  return node.role === 'primary' && isTimelineSettled(node);
}

function judge(
  node: NodeDescription,
  topology: TopologyDescription,
  identity: Identity,
  floor: number | undefined,
  claims: readonly NodeDescription[],
): NodeDescription {
  const [standing, reason] = verdict(node, topology, identity, floor, claims);
  if (node.standing === standing && node.standingReason === reason) return node;
  return Object.freeze({ ...node, standing, standingReason: reason });
}

function verdict(
  node: NodeDescription,
  topology: TopologyDescription,
  identity: Identity,
  floor: number | undefined,
  claims: readonly NodeDescription[],
): readonly [Standing, string | undefined] {
  const { systemIdentifier, conflict } = identity;
  if (conflict !== undefined && isOutOfRecovery(node)) {
    return [
      'foreign',
      `primaries of different clusters answer: system identifiers ${conflict.join(' and ')}`,
    ];
  }
  if (node.systemIdentifier !== undefined && systemIdentifier !== undefined) {
    if (node.systemIdentifier !== systemIdentifier) {
      return [
        'foreign',
        `system identifier ${node.systemIdentifier}, but this cluster is ${systemIdentifier}`,
      ];
    }
  }
  if (!isOutOfRecovery(node)) return ['current', undefined];
  if (node.timeline !== undefined && floor !== undefined && node.timeline < floor) {
    return ['stale', `timeline ${node.timeline}, but timeline ${floor} has been seen out of recovery`];
  }
  const equals = claims.includes(node) ? claims.filter((claim) => claim.name !== node.name) : [];
  if (equals.length === 0 || node.name === topology.incumbent) return ['current', undefined];
  const others = equals.map((claim) => claim.name).join(' and ');
  const epoch = node.timeline === undefined ? 'an unknown timeline' : `the same timeline ${node.timeline}`;
  return ['ambiguous', `${others} claims to be the primary of ${epoch}`];
}

/** Two addresses of one server are one node: the later one gives way to the earlier. */
function withAliases(nodes: readonly NodeDescription[]): NodeDescription[] {
  const firstOf = new Map<string, string>();
  return nodes.map((node) => {
    const identity = serverIdentity(node);
    const first = identity === undefined ? undefined : firstOf.get(identity);
    if (identity !== undefined && first === undefined) firstOf.set(identity, node.name);
    return node.aliasOf === first ? node : Object.freeze({ ...node, aliasOf: first });
  });
}

/** No two servers share the start of their postmaster to the microsecond and their system identifier. */
function serverIdentity(node: NodeDescription): string | undefined {
  if (node.health === 'offline') return undefined;
  if (node.systemIdentifier === undefined || node.postmasterStartedAt === undefined) return undefined;
  return `${node.systemIdentifier} ${node.postmasterStartedAt}`;
}

/** The node whose position the standbys' lag is measured against. */
export function currentPrimary(nodes: readonly NodeDescription[]): NodeDescription | undefined {
  return nodes.find(
    (node) =>
      isOutOfRecovery(node) &&
      node.health !== 'offline' &&
      node.standing === 'current' &&
      node.aliasOf === undefined &&
      node.timeline !== undefined,
  );
}

function withLag(nodes: readonly NodeDescription[]): NodeDescription[] {
  const primary = currentPrimary(nodes);
  return nodes.map((node) => {
    const lag = lagOf(node, primary);
    if (node.lag.bytes === lag.bytes && node.lag.ms === lag.ms) return node;
    return Object.freeze({ ...node, lag: Object.freeze(lag) });
  });
}

/**
 * Bytes against the primary's position: unlike "received minus replayed" this also grows when the WAL receiver is
 * dead. Milliseconds only where bytes are missing: the age of the last replayed transaction grows on an idle primary.
 */
function lagOf(
  node: NodeDescription,
  primary: NodeDescription | undefined,
): { bytes: number | undefined; ms: number | undefined } {
  if (node.role !== 'standby' || node.lsn === undefined || primary?.lsn === undefined) {
    return { bytes: undefined, ms: undefined };
  }
  const behind = primary.lsn - node.lsn;
  const bytes = behind > 0n ? Number(behind) : 0;
  return { bytes, ms: bytes === 0 ? 0 : node.replayAgeMs };
}
