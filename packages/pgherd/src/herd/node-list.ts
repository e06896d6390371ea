import type { HostList } from '../discovery/allowed.ts';
import { listViolations } from '../discovery/node-list.ts';
import type { DiscoveredNode } from '../discovery/port.ts';
import { PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import type { NodeAddress, NodeLabels } from '../model/topology.ts';
import type { NodeOptions } from '../options/options.ts';
import { NO_LABELS, nodeName } from '../topology/node.ts';
import type { ListedNode } from '../topology/topology.ts';

/** Options of single nodes, by name. */
export type NodeOptionsByName = Readonly<Record<string, NodeOptions>>;

/** The nodes of the connection string. */
export function configuredNodes(addresses: readonly NodeAddress[], options: NodeOptionsByName): ListedNode[] {
  return addresses.map((address) => ({ address, labels: labelsOf(address, NO_LABELS, options) }));
}

/** A valid list of discovery. */
export interface NodeList {
  readonly nodes: readonly ListedNode[];
  /** Name of the primary according to discovery. */
  readonly leader: string | undefined;
  /** Nodes that `allowDiscovered` does not cover, by name, with the reason. They are not among `nodes`. */
  readonly refused: ReadonlyMap<string, string>;
}

/** What is needed to read a list of discovery. */
export interface ListContext {
  readonly discovery: string;
  readonly defaultPort: number;
  readonly options: NodeOptionsByName;
  /** The nodes of the connection string: named exactly so, they get the passwords that were meant for them. */
  readonly configured: readonly NodeAddress[];
  /** What discovery may name besides; `undefined` for everything. */
  readonly allowed: HostList | undefined;
}

/**
 * Validates a list of discovery and reads it.
 * @throws PgHerdError `PGHERD_DISCOVERY_FAILED` if any part of the list is invalid.
 */
export function readNodeList(list: readonly DiscoveredNode[], context: ListContext): NodeList {
  const violations = listViolations(list, context.defaultPort);
  if (violations.length > 0) throw unusable(context, violations);
  const nodes: ListedNode[] = [];
  const refused = new Map<string, string>();
  let leader: string | undefined;
  for (const node of list) {
    const address = addressOf(node, context.defaultPort);
    const origin = context.configured.some((one) => isSamePlace(one, address)) ? 'configured' : 'discovered';
    const reason = origin === 'configured' ? undefined : refusalOf(address, context.allowed);
    if (reason !== undefined) {
      refused.set(nodeName(address), reason);
      continue;
    }
    nodes.push({ address, labels: discoveredLabels(node, address, origin, context) });
    if (node.leader === true) leader = nodeName(address);
  }
  return { nodes, leader, refused };
}

/** Whether they are one address in every respect: the same name at another `hostaddr` is another server. */
function isSamePlace(one: NodeAddress, other: NodeAddress): boolean {
  const { host, port, transport, hostaddr, serverName = host } = one;
  return (
    other.host === host &&
    other.port === port &&
    other.transport === transport &&
    other.hostaddr === hostaddr &&
    (other.serverName ?? other.host) === serverName
  );
}

/** What is dialled must be allowed: the address if there is one, else the host. */
function refusalOf({ host, hostaddr }: NodeAddress, allowed: HostList | undefined): string | undefined {
  const place = hostaddr ?? host;
  if (allowed === undefined || allowed.covers(place)) return undefined;
  const items = allowed.items.length === 0 ? 'which is empty' : `which has ${allowed.items.join(', ')}`;
  return (
    `${quoted(place)} is not covered by allowDiscovered, ${items}. ` +
    'If it is a server of yours, add its domain or network, or name it in the connection string.'
  );
}

function addressOf(node: DiscoveredNode, defaultPort: number): NodeAddress {
  const { host, hostaddr, port = defaultPort, serverName } = node;
  const transport = host.startsWith('/') || host.startsWith('@') ? 'unix' : 'tcp';
  return { host, port, transport, hostaddr, serverName };
}

function discoveredLabels(
  node: DiscoveredNode,
  address: NodeAddress,
  origin: NodeLabels['origin'],
  context: ListContext,
): NodeLabels {
  const labels: NodeLabels = {
    zone: node.zone,
    tags: Object.freeze({ ...node.tags }),
    promotable: node.promotable ?? true,
    readable: node.readable ?? true,
    origin,
  };
  return labelsOf(address, labels, context.options);
}

/** The user's options override discovery. */
function labelsOf(address: NodeAddress, labels: NodeLabels, options: NodeOptionsByName): NodeLabels {
  const said = options[nodeName(address)];
  if (said === undefined) return labels;
  return {
    zone: said.zone ?? labels.zone,
    tags: Object.freeze({ ...labels.tags, ...said.tags }),
    promotable: said.promotable ?? labels.promotable,
    readable: said.readable ?? labels.readable,
    origin: labels.origin,
  };
}

/**
 * The error for a list of which nothing is left.
 */
export function nothingAllowed(discovery: string, refused: ReadonlyMap<string, string>): PgHerdError {
  return new PgHerdError(
    'PGHERD_DISCOVERY_FAILED',
    `The list of nodes from ${discovery} cannot be used: no node is allowed (${refused.size} refused). ${[...refused.values()][0]} ` +
      'The last valid list stays in force.',
    { details: { discovery, refused: [...refused.keys()] } },
  );
}

function unusable({ discovery }: ListContext, violations: readonly string[]): PgHerdError {
  return new PgHerdError(
    'PGHERD_DISCOVERY_FAILED',
    `The list of nodes from ${discovery} cannot be used: ${violations.join('; ')}. The last valid list stays in force.`,
    { details: { discovery, violations } },
  );
}
