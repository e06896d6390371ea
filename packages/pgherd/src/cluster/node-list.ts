import type { DiscoveredNode } from '../discovery/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { NodeAddress, NodeLabels } from '../model/topology.ts';
import { NO_LABELS, nodeName } from '../topology/node.ts';
import type { ListedNode } from '../topology/topology.ts';
import type { NodeOptions } from './options.ts';

/** Most nodes that a list may have: more is a mistake, and each costs a connection. */
export const MAX_NODES = 1_024;

/** What the user says of single nodes, by name. */
export type NodeOptionsByName = Readonly<Record<string, NodeOptions>>;

/** The nodes of the connection string. */
export function configuredNodes(addresses: readonly NodeAddress[], options: NodeOptionsByName): ListedNode[] {
  return addresses.map((address) => ({ address, labels: labelsOf(address, NO_LABELS, options) }));
}

/** A list of discovery, checked. */
export interface NodeList {
  readonly nodes: readonly ListedNode[];
  /** Name of the node that discovery takes for the primary. */
  readonly leader: string | undefined;
}

/** What a list of discovery is read with. */
export interface ListContext {
  readonly discovery: string;
  readonly defaultPort: number;
  readonly options: NodeOptionsByName;
  /** Names of the nodes of the connection string: they keep the passwords that were meant for them. */
  readonly configured: ReadonlySet<string>;
}

/**
 * Reads a list of discovery, which is input like any other. Nodes that are named twice are taken once.
 * @throws PgHerdError `PGHERD_DISCOVERY_FAILED` where the list cannot be used; then none of it is.
 */
export function readNodeList(list: unknown, context: ListContext): NodeList {
  if (!Array.isArray(list)) throw unusable(context, `it is ${shown(list)}, but must be an array of nodes`);
  if (list.length === 0) throw unusable(context, 'it is empty');
  if (list.length > MAX_NODES)
    throw unusable(context, `it has ${list.length} nodes, but at most ${MAX_NODES} are allowed`);
  const nodes = new Map<string, ListedNode>();
  const leaders = new Set<string>();
  for (const [index, entry] of list.entries()) {
    const problem = problemOf(entry);
    if (problem !== undefined) throw unusable(context, `node ${index} ${problem}`);
    const node = entry as DiscoveredNode;
    const address = addressOf(node, context.defaultPort);
    const name = nodeName(address);
    if (node.leader === true) leaders.add(name);
    if (!nodes.has(name)) nodes.set(name, { address, labels: discoveredLabels(node, address, context) });
  }
  if (leaders.size > 1)
    throw unusable(context, `it names ${leaders.size} leaders: ${[...leaders].join(', ')}`);
  const [leader] = leaders;
  return { nodes: [...nodes.values()], leader };
}

function addressOf({ host, port, hostaddr }: DiscoveredNode, defaultPort: number): NodeAddress {
  const transport = host.startsWith('/') || host.startsWith('@') ? 'unix' : 'tcp';
  return { host, port: port ?? defaultPort, transport, ...(hostaddr === undefined ? {} : { hostaddr }) };
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

/** The user's word counts before discovery's. */
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

/** What is wrong with an entry of a list. */
function problemOf(entry: unknown): string | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return `is ${shown(entry)}, but must be an object with a host`;
  }
  const { host, hostaddr, port, zone, tags, promotable, readable, leader } = entry as Record<string, unknown>;
  if (!isText(host) || /[\s\0]/.test(host)) return `has the host ${shown(host)}, but must name one`;
  if (hostaddr !== undefined && !isText(hostaddr))
    return `has the hostaddr ${shown(hostaddr)}, but must have an IP address`;
  if (port !== undefined && !isPort(port))
    return `(${host}) has the port ${shown(port)}, but must have one of 1 to 65535`;
  if (zone !== undefined && !isText(zone))
    return `(${host}) has the zone ${shown(zone)}, but must have a text`;
  if (tags !== undefined && !isTags(tags)) return `(${host}) has tags that are no object of texts`;
  for (const [name, value] of Object.entries({ promotable, readable, leader })) {
    if (value !== undefined && typeof value !== 'boolean')
      return `(${host}) has ${name} ${shown(value)}, but must have true or false`;
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1_024;
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

function isTags(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((tag) => typeof tag === 'string')
  );
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function unusable({ discovery }: ListContext, problem: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_DISCOVERY_FAILED',
    `The list of nodes from ${discovery} cannot be used: ${problem}. The last good one stays in force.`,
    { details: { discovery } },
  );
}
