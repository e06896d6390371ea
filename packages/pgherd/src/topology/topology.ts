import type { Observation } from '../model/observation.ts';
import type { NodeAddress, NodeDescription, TopologyDescription } from '../model/topology.ts';
import { type ArbitrationSettings, arbitrate } from './arbitrate.ts';
import { type NodeSettings, observeNode, unknownNode } from './node.ts';

/** Settings of all transitions. */
export interface TopologySettings extends NodeSettings, ArbitrationSettings {}

/** The topology before anybody was asked. Addresses that name the same node are taken once. */
export function initialTopology(addresses: readonly NodeAddress[]): TopologyDescription {
  const nodes = new Map<string, NodeDescription>();
  for (const address of addresses) {
    const node = unknownNode(address);
    if (!nodes.has(node.name)) nodes.set(node.name, node);
  }
  return Object.freeze({
    version: 0,
    startedAt: undefined,
    systemIdentifier: undefined,
    floor: undefined,
    floors: Object.freeze({}),
    incumbent: undefined,
    identityConflict: undefined,
    leaderHint: undefined,
    positions: Object.freeze([]),
    replacement: undefined,
    nodes: Object.freeze([...nodes.values()]),
  });
}

/** The topology from the moment on when it is watched. */
export function startedTopology(topology: TopologyDescription, now: number): TopologyDescription {
  return Object.freeze({ ...topology, startedAt: now, version: topology.version + 1 });
}

/** The topology after one observation; the same object where it changes nothing. */
export function observe(
  topology: TopologyDescription,
  observation: Observation,
  settings: TopologySettings,
): TopologyDescription {
  const index = topology.nodes.findIndex((node) => node.name === observation.node);
  const before = topology.nodes[index];
  if (before === undefined) return topology;
  const after = observeNode(before, observation, settings);
  if (after === before) return topology;
  const nodes = Object.freeze(topology.nodes.map((node, at) => (at === index ? after : node)));
  return arbitrate({ ...topology, version: topology.version + 1, nodes }, settings);
}

/** The topology after a write was handed to `node`: equal claims are decided in favour of the node we wrote to. */
export function withIncumbent(
  topology: TopologyDescription,
  node: string,
  settings: TopologySettings,
): TopologyDescription {
  if (topology.incumbent === node) return topology;
  return arbitrate({ ...topology, version: topology.version + 1, incumbent: node }, settings);
}

/** The description of a node by its name. */
export function findNode(topology: TopologyDescription, name: string): NodeDescription | undefined {
  return topology.nodes.find((node) => node.name === name);
}
