import type { NodeDescription } from '../model/topology.ts';

/** Two addresses of one server are one node: the later one gives way to the earlier. */
export function withAliases(nodes: readonly NodeDescription[]): NodeDescription[] {
  const firstOf = new Map<string, string>();
  const settled = new Map<string, NodeDescription>();
  return nodes.map((node) => {
    const identity = serverIdentity(node);
    const first = identity === undefined ? undefined : firstOf.get(identity);
    const other = node.aliasOf === undefined ? undefined : settled.get(node.aliasOf);
    const aliasOf = first ?? (mayStillBeAlias(node, other) ? node.aliasOf : undefined);
    if (identity !== undefined && first === undefined) firstOf.set(identity, aliasOf ?? node.name);
    const known = node.aliasOf === aliasOf ? node : Object.freeze({ ...node, aliasOf });
    settled.set(known.name, known);
    return known;
  });
}

/** No two servers share the start of their postmaster to the microsecond and their system identifier. */
function serverIdentity(node: NodeDescription): string | undefined {
  if (node.health === 'offline') return undefined;
  if (node.systemIdentifier === undefined || node.postmasterStartedAt === undefined) return undefined;
  return `${node.systemIdentifier} ${node.postmasterStartedAt}`;
}

/**
 * A server that restarts shows its new life at one of its addresses first. Until the other one was asked again it is
 * not known to be anybody else: else each restart would look like two primaries.
 */
function mayStillBeAlias(node: NodeDescription, other: NodeDescription | undefined): boolean {
  if (
    other === undefined ||
    other.aliasOf !== undefined ||
    node.health === 'offline' ||
    other.health === 'offline'
  )
    return false;
  if (node.systemIdentifier !== other.systemIdentifier) return false;
  const [older, newer] = bornBefore(node, other) ? [node, other] : [other, node];
  return (older.lsnAt ?? Number.NEGATIVE_INFINITY) < (newer.lifeSince ?? Number.NEGATIVE_INFINITY);
}

function bornBefore(node: NodeDescription, other: NodeDescription): boolean {
  return (node.lifeSince ?? Number.NEGATIVE_INFINITY) < (other.lifeSince ?? Number.NEGATIVE_INFINITY);
}
