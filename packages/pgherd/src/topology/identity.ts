import { mayBePrimary } from '../floors/claims.ts';
import type { NodeDescription, Replacement, TopologyDescription } from '../model/topology.ts';

/** Settings of the cluster's identity. */
export interface IdentitySettings {
  /** The only system that is believed, if the user pinned it. */
  readonly systemIdentifier: string | undefined;
  /** What happens once another system has taken this cluster's place for `identityGraceMs`. */
  readonly onClusterReplaced: 'refuse' | 'adopt';
  /** How long the other system must have been there before it counts as a replacement, milliseconds. */
  readonly identityGraceMs: number;
}

/** Which cluster this is. */
export interface Identity {
  readonly systemIdentifier: string | undefined;
  /** Whether the user fixed it: then a node that returns no system identifier is not believed. */
  readonly pinned: boolean;
  /** System identifiers of several systems that each have a primary, before anything was written. */
  readonly conflict: readonly string[] | undefined;
  readonly replacement: Replacement | undefined;
}

/**
 * Before the first write, the system that has a primary is the cluster; of two such systems the one of more than half
 * of the listed servers; else it is a conflict that only the user can settle. Once a write has been sent the identity stays, until the user accepts another
 * one, or another system has taken the place of all nodes and may be adopted.
 */
export function decideIdentity(
  topology: TopologyDescription,
  nodes: readonly NodeDescription[],
  settings: IdentitySettings,
  now: number,
): Identity {
  const pinned = settings.systemIdentifier ?? topology.accepted?.systemIdentifier;
  const written = topology.incumbent === undefined ? undefined : topology.systemIdentifier;
  const settled = pinned ?? written;
  if (settled === undefined) return byPrimaries(nodes);
  const replacement = decideReplacement(topology, nodes, settled, settings, now);
  const identity = {
    systemIdentifier: settled,
    pinned: pinned !== undefined,
    conflict: undefined,
    replacement,
  };
  const mayAdopt = settings.systemIdentifier === undefined && settings.onClusterReplaced === 'adopt';
  if (replacement?.confirmed !== true || !mayAdopt) return identity;
  return { ...identity, systemIdentifier: replacement.systemIdentifier, pinned: false };
}

function byPrimaries(nodes: readonly NodeDescription[]): Identity {
  const withPrimary = new Set<string>();
  const seen = new Map<string, number>();
  const servers = nodes.filter(({ aliasOf }) => aliasOf === undefined);
  for (const node of servers) {
    if (node.systemIdentifier === undefined) continue;
    seen.set(node.systemIdentifier, (seen.get(node.systemIdentifier) ?? 0) + 1);
    if (mayBePrimary(node)) withPrimary.add(node.systemIdentifier);
  }
  const open = { pinned: false, replacement: undefined };
  const most = mostFrequent(seen);
  if (withPrimary.size > 1) {
    const isMajority = most !== undefined && 2 * (seen.get(most) ?? 0) > servers.length;
    if (isMajority) return { ...open, systemIdentifier: most, conflict: undefined };
    return { ...open, systemIdentifier: undefined, conflict: Object.freeze([...withPrimary].sort()) };
  }
  const [only] = withPrimary;
  return { ...open, systemIdentifier: only ?? most, conflict: undefined };
}

function mostFrequent(counts: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined;
  for (const [name, count] of counts) {
    if (best === undefined || count > (counts.get(best) ?? 0)) best = name;
  }
  return best;
}

/**
 * Another system counts as a replacement only if every node is of it: a node that is merely unreachable may
 * be ours.
 */
function decideReplacement(
  topology: TopologyDescription,
  nodes: readonly NodeDescription[],
  systemIdentifier: string,
  settings: IdentitySettings,
  now: number,
): Replacement | undefined {
  const found = new Set(nodes.map((node) => node.systemIdentifier));
  const [only] = found;
  if (found.size !== 1 || only === undefined || only === systemIdentifier) return undefined;
  if (!nodes.some((node) => node.health === 'ok')) return topology.replacement;
  const before = topology.replacement?.systemIdentifier === only ? topology.replacement : undefined;
  const since = before?.since ?? now;
  const confirmed = now - since >= settings.identityGraceMs;
  if (before !== undefined && before.confirmed === confirmed) return before;
  return Object.freeze({ systemIdentifier: only, since, confirmed });
}
