import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { DiscoveryLoop } from './discovery-loop.ts';
import { type NodeList, nothingAllowed, readNodeList } from './node-list.ts';

/** PostgreSQL's port. */
const DEFAULT_PORT = 5_432;

/** Port of nodes without one: that of the first host of the connection string. */
export function defaultPortOf({ plan }: Pick<ClusterSettings, 'plan'>): number {
  return plan.hosts[0]?.port ?? DEFAULT_PORT;
}

/** Where the lists go. */
export interface ListPorts {
  accept(list: NodeList): void;
  /** The discovery has returned a list, or failed to. */
  heard(): void;
}

/**
 * The loop over the discovery, if there is one. Lists that can be used go to `accept`, what is wrong with others,
 * and nodes that are not allowed, to the events.
 */
export function discoveryLoop(
  settings: ClusterSettings,
  events: Emitter<ClusterEvents>,
  { accept, heard }: ListPorts,
): DiscoveryLoop | undefined {
  const { clock, discovery, namedHosts, nodes: options, plan, random } = settings;
  if (discovery === undefined) return undefined;
  const defaultPort = defaultPortOf(settings);
  const { allowed } = namedHosts;
  const context = { discovery: discovery.name, defaultPort, options, configured: plan.hosts, allowed };
  let refusedBefore: ReadonlyMap<string, string> = new Map();
  return new DiscoveryLoop(discovery, {
    clock,
    random,
    defaultPort,
    accept: (list) => {
      const read = readNodeList(list, context);
      for (const [node, reason] of read.refused) {
        if (refusedBefore.has(node)) continue;
        events.emit('discovery:refused', { discovery: discovery.name, node, reason });
      }
      refusedBefore = read.refused;
      if (read.nodes.length === 0) throw nothingAllowed(discovery.name, read.refused);
      accept(read);
      heard();
    },
    failed: (error) => {
      events.emit('discovery:failed', { discovery: discovery.name, error });
      heard();
    },
  });
}
