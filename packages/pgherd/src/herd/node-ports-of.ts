import type { Observation } from '../model/observation.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Names } from '../names/names.ts';
import type { LiveNode, NodePorts } from '../node/live-node.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { promotableStandbys } from '../topology/effects.ts';
import { newRole } from './new-role.ts';

/** The herd as its live nodes see it. */
export interface NodesHerd {
  readonly settings: ClusterSettings;
  readonly events: Emitter<ClusterEvents>;
  /** The live nodes of the picture, by name. */
  readonly nodes: ReadonlyMap<string, LiveNode>;
  readonly names: Names;
  readonly topology: TopologyDescription;
  observe(observation: Observation): void;
}

/** What the live nodes of a herd need from it. */
export function nodePortsOf(
  herd: NodesHerd,
  calls: Pick<NodePorts, 'callsWait' | 'loginsChanged'>,
): NodePorts {
  const isCurrent = (node: LiveNode) => herd.nodes.get(node.name) === node;
  return {
    ...calls,
    settings: herd.settings,
    topology: () => herd.topology,
    primaryIsLate: () => herd.nodes.get(herd.topology.writable ?? '')?.monitor.isLate === true,
    late: (node) => watchOthers(herd, node),
    lookUp: (node, signal) => herd.names.lookUp(node, signal),
    reached: (node, address) => herd.names.reached(node, address),
    observe: (node, observation) => {
      if (isCurrent(node)) herd.observe(observation);
    },
    parameter: (node, generation, name, value) => {
      const inHotStandby = isCurrent(node) ? newRole(herd.topology, node.name, name, value) : undefined;
      if (inHotStandby === undefined) return;
      const at = herd.settings.clock.now();
      herd.observe({ kind: 'parameters', node: node.name, at, generation, inHotStandby });
      node.monitor.hint();
    },
    ...nodeEvents(herd.events),
  };
}

/** The primary may be lost: the standbys are watched and prepared already, so that a promotion is seen and used at once. */
function watchOthers({ nodes, topology }: NodesHerd, late: string): void {
  if (late !== topology.writable) return;
  for (const { monitor, name } of nodes.values()) if (name !== late) monitor.hint();
  for (const name of promotableStandbys(topology)) void nodes.get(name)?.prepareWriter();
}

/** Longest notice that is passed on, characters. */
const MAX_NOTICE = 10_000;

type NodeEvents = Pick<
  NodePorts,
  'opened' | 'failed' | 'closed' | 'scarce' | 'condemned' | 'commitsWait' | 'noticed' | 'warned'
>;

/** What live nodes report and nothing but events comes of. */
function nodeEvents(events: Emitter<ClusterEvents>): NodeEvents {
  return {
    opened: (node, durationMs) => events.emit('connection:opened', { node, durationMs }),
    failed: (node, error) => events.emit('connection:failed', { node, error }),
    closed: (node, reason) => events.emit('connection:closed', { node, reason }),
    scarce: (event) => events.emit('pool:scarce', event),
    condemned: (event) => events.emit('connection:condemned', event),
    commitsWait: (event) => events.emit('node:commits-waiting', event),
    noticed: (node, { severity, sqlState, message }) => {
      if (events.has('server:notice'))
        events.emit('server:notice', {
          node,
          severity,
          code: sqlState,
          message: message.slice(0, MAX_NOTICE),
        });
    },
    warned: (message) => events.emit('cluster:warned', { message }),
  };
}
