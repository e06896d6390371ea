import { isOutOfRecovery } from '../floors/claims.ts';
import type { NodeDescription } from '../model/topology.ts';

/**
 * Two addresses of one server are one node: the later one gives way to the earlier, unless only the later one
 * works.
 */
export function withAliases(nodes: readonly NodeDescription[]): NodeDescription[] {
  const representatives = representativesIn(nodes);
  const representativeOf = (node: NodeDescription) => representatives.get(node) ?? node;
  /** Of two lives that one server may show at once, the one that stands for both, by the other. */
  const instead = new Map<NodeDescription, NodeDescription>();
  for (const node of nodes) {
    const other = nodes.find(({ name }) => name === node.aliasOf);
    if (other === undefined || representativeOf(node) !== node || representativeOf(other) !== other) continue;
    if (!mayStillBeAlias(node, other)) continue;
    if (answersAlone(node, other)) instead.set(other, node);
    else instead.set(node, other);
  }
  return nodes.map((node) => {
    const representative = representativeOf(node);
    const final = instead.get(representative) ?? representative;
    const aliasOf = final === node ? undefined : final.name;
    return node.aliasOf === aliasOf ? node : Object.freeze({ ...node, aliasOf });
  });
}

/** For each node the address that stands for its server: the first that works, else the first. */
function representativesIn(nodes: readonly NodeDescription[]): Map<NodeDescription, NodeDescription> {
  const servers = new Map<string, NodeDescription[][]>();
  for (const node of nodes) {
    const identity = serverIdentity(node);
    if (identity === undefined) continue;
    const sameStart = servers.get(identity) ?? [];
    servers.set(identity, sameStart);
    const own = sameStart.find((addresses) => addresses.every((other) => mayBeOneServer(node, other)));
    if (own === undefined) sameStart.push([node]);
    else own.push(node);
  }
  const representatives = new Map<NodeDescription, NodeDescription>();
  for (const addresses of [...servers.values()].flat()) {
    const representative = addresses.find(works) ?? addresses[0];
    if (representative === undefined) continue;
    for (const node of addresses) representatives.set(node, representative);
  }
  return representatives;
}

function works({ health }: NodeDescription): boolean {
  return health === 'ok';
}

/**
 * Two servers do not share the start of their postmaster to the microsecond, even if they return no system
 * identifier; only copies of a machine that ran do.
 */
function serverIdentity(node: NodeDescription): string | undefined {
  if (node.health === 'offline' || node.postmasterStartedAt === undefined) return undefined;
  return `${node.systemIdentifier ?? ''} ${node.postmasterStartedAt}`;
}

/**
 * Whether one life of a server can have shown both. It leaves recovery once, and stays on the timeline that it is on then: one that is
 * asked after another has left recovery, and is in recovery, is a copy of it. Copies are two servers from then on, until they agree.
 */
function mayBeOneServer(one: NodeDescription, other: NodeDescription): boolean {
  if (one.role === 'unknown' || other.role === 'unknown') return true;
  if (isOutOfRecovery(one) === isOutOfRecovery(other)) return haveSameTimeline(one, other);
  const nameOf = ({ aliasOf, name }: NodeDescription) => aliasOf ?? name;
  if (nameOf(one) !== nameOf(other)) return false;
  const [standby, primary] = isOutOfRecovery(one) ? [other, one] : [one, other];
  return standby.lsnAt === undefined || primary.seenAt === undefined || standby.lsnAt <= primary.seenAt;
}

function haveSameTimeline({ timeline }: NodeDescription, other: NodeDescription): boolean {
  return timeline === undefined || other.timeline === undefined || timeline === other.timeline;
}

/**
 * A server that restarts shows its new life at one of its addresses first. Until the other address was probed
 * again, it may still be the same server: otherwise each restart would look like two primaries.
 */
function mayStillBeAlias(node: NodeDescription, other: NodeDescription): boolean {
  if (other.aliasOf !== undefined || node.health === 'offline' || other.health === 'offline') return false;
  if (node.systemIdentifier !== other.systemIdentifier) return false;
  if (!isOutOfRecovery(node) || !isOutOfRecovery(other) || !haveSameTimeline(node, other)) return false;
  const [older, newer] = bornBefore(node, other) ? [node, other] : [other, node];
  // It goes on where it was.
  if (newer.lsn !== undefined && older.lsn !== undefined && newer.lsn < older.lsn) return false;
  return (older.lsnAt ?? Number.NEGATIVE_INFINITY) < (newer.lifeSince ?? Number.NEGATIVE_INFINITY);
}

/** Whether only `newer`, which shows the later life, answers: then nothing is to wait for the other address. */
function answersAlone(newer: NodeDescription, older: NodeDescription): boolean {
  return works(newer) && !works(older) && bornBefore(older, newer);
}

function bornBefore(node: NodeDescription, other: NodeDescription): boolean {
  return (node.lifeSince ?? Number.NEGATIVE_INFINITY) < (other.lifeSince ?? Number.NEGATIVE_INFINITY);
}
