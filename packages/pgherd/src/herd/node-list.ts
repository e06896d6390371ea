import { listViolations } from '../discovery/node-list.ts';
import type { DiscoveredNode } from '../discovery/port.ts';
import { PgHerdError } from '../model/errors.ts';
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
}

/** What is needed to read a list of discovery. */
export interface ListContext {
  readonly discovery: string;
  readonly defaultPort: number;
  readonly options: NodeOptionsByName;
  /** Names of the nodes of the connection string: they keep the passwords that were meant for them. */
  readonly configured: ReadonlySet<string>;
}

/**
 * Validates a list of discovery and reads it.
 * @throws PgHerdError `PGHERD_DISCOVERY_FAILED` if any part of the list is invalid.
 */
export function readNodeList(list: readonly DiscoveredNode[], context: ListContext): NodeList {
  const violations = listViolations(list, context.defaultPort);
  if (violations.length > 0) throw unusable(context, violations);
  const addresses = list.map((node) => addressOf(node, context.defaultPort));
  const nodes = list.flatMap((node, index) => {
    const address = addresses[index];
    return address === undefined ? [] : [{ address, labels: discoveredLabels(node, address, context) }];
  });
  const leader = addresses[list.findIndex((node) => node.leader === true)];
  return { nodes, leader: leader === undefined ? undefined : nodeName(leader) };
}

function addressOf(node: DiscoveredNode, defaultPort: number): NodeAddress {
  const { host, hostaddr, port = defaultPort, serverName } = node;
  const transport = host.startsWith('/') || host.startsWith('@') ? 'unix' : 'tcp';
  return { host, port, transport, hostaddr, serverName };
}

function discoveredLabels(node: DiscoveredNode, address: NodeAddress, context: ListContext): NodeLabels {
  const labels: NodeLabels = {
    zone: node.zone,
    tags: Object.freeze({ ...node.tags }),
    promotable: node.promotable ?? true,
    readable: node.readable ?? true,
    origin: context.configured.has(nodeName(address)) ? 'configured' : 'discovered',
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

function unusable({ discovery }: ListContext, violations: readonly string[]): PgHerdError {
  return new PgHerdError(
    'PGHERD_DISCOVERY_FAILED',
    `The list of nodes from ${discovery} cannot be used: ${violations.join('; ')}. The last valid list stays in force.`,
    { details: { discovery, violations } },
  );
}
