import type { NodeDescription } from '../model/topology.ts';

/** Two addresses of one server are one node: the later one gives way to the earlier, unless only the later one works. */
export function withAliases(nodes: readonly NodeDescription[]): NodeDescription[] {
  const faces = facesOf(nodes);
  const faceOf = (node: NodeDescription) => faces.get(serverIdentity(node) ?? '') ?? node;
  /** The face of a server that shows two lives at once is that of its other life, until both were asked again. */
  const finalFaceOf = (face: NodeDescription): NodeDescription => {
    const other = nodes.find((node) => node.name === face.aliasOf);
    const mayBeSame = other !== undefined && faceOf(other) === other && mayStillBeAlias(face, other);
    return mayBeSame ? other : face;
  };
  return nodes.map((node) => {
    const face = finalFaceOf(faceOf(node));
    const aliasOf = face === node ? undefined : face.name;
    return node.aliasOf === aliasOf ? node : Object.freeze({ ...node, aliasOf });
  });
}

/** For each server the address that stands for it: the first that works, else the first. */
function facesOf(nodes: readonly NodeDescription[]): Map<string, NodeDescription> {
  const faces = new Map<string, NodeDescription>();
  for (const node of nodes) {
    const identity = serverIdentity(node);
    if (identity === undefined) continue;
    const face = faces.get(identity);
    if (face === undefined || (face.health !== 'ok' && node.health === 'ok')) faces.set(identity, node);
  }
  return faces;
}

/** No two servers share the start of their postmaster to the microsecond, nor do those that do not tell their system. */
function serverIdentity(node: NodeDescription): string | undefined {
  if (node.health === 'offline' || node.postmasterStartedAt === undefined) return undefined;
  return `${node.systemIdentifier ?? ''} ${node.postmasterStartedAt}`;
}

/**
 * A server that restarts shows its new life at one of its addresses first. Until the other one was asked again it is
 * not known to be anybody else: else each restart would look like two primaries.
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
