import type { NodeDescription } from '../model/topology.ts';

/**
 * Two addresses of one server are one node: the later one gives way to the earlier, unless only the later one
 * works.
 */
export function withAliases(nodes: readonly NodeDescription[]): NodeDescription[] {
  const representatives = representativesIn(nodes);
  const representativeOf = (node: NodeDescription) => representatives.get(serverIdentity(node) ?? '') ?? node;
  /** A server that shows two lives at once is represented by its other life, until both were probed again. */
  const finalFor = (representative: NodeDescription): NodeDescription => {
    const other = nodes.find((node) => node.name === representative.aliasOf);
    const mayBeSame =
      other !== undefined && representativeOf(other) === other && mayStillBeAlias(representative, other);
    return mayBeSame ? other : representative;
  };
  return nodes.map((node) => {
    const representative = finalFor(representativeOf(node));
    const aliasOf = representative === node ? undefined : representative.name;
    return node.aliasOf === aliasOf ? node : Object.freeze({ ...node, aliasOf });
  });
}

/** For each server the address that stands for it: the first that works, else the first. */
function representativesIn(nodes: readonly NodeDescription[]): Map<string, NodeDescription> {
  const representatives = new Map<string, NodeDescription>();
  for (const node of nodes) {
    const identity = serverIdentity(node);
    if (identity === undefined) continue;
    const known = representatives.get(identity);
    if (known === undefined || (known.health !== 'ok' && node.health === 'ok'))
      representatives.set(identity, node);
  }
  return representatives;
}

/**
 * Two servers never share the start of their postmaster to the microsecond, even if they return no system
 * identifier.
 */
function serverIdentity(node: NodeDescription): string | undefined {
  if (node.health === 'offline' || node.postmasterStartedAt === undefined) return undefined;
  return `${node.systemIdentifier ?? ''} ${node.postmasterStartedAt}`;
}

/**
 * A server that restarts shows its new life at one of its addresses first. Until the other address was probed
 * again, it may still be the same server: otherwise each restart would look like two primaries.
 */
function mayStillBeAlias(node: NodeDescription, other: NodeDescription): boolean {
  if (other.aliasOf !== undefined || node.health === 'offline' || other.health === 'offline') return false;
  if (node.systemIdentifier !== other.systemIdentifier) return false;
  const [older, newer] = bornBefore(node, other) ? [node, other] : [other, node];
  return (older.lsnAt ?? Number.NEGATIVE_INFINITY) < (newer.lifeSince ?? Number.NEGATIVE_INFINITY);
}

function bornBefore(node: NodeDescription, other: NodeDescription): boolean {
  return (node.lifeSince ?? Number.NEGATIVE_INFINITY) < (other.lifeSince ?? Number.NEGATIVE_INFINITY);
}
