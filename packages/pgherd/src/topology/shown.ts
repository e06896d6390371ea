import { shownAs } from '../model/looks.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';

/** One for each topology and each node, so that what has not changed is the same object. */
const topologies = new WeakMap<TopologyDescription, TopologyDescription>();
const nodes = new WeakMap<NodeDescription, NodeDescription>();

/** A topology as the application gets it; made when it is first looked at. */
export function shownTopology(topology: TopologyDescription): TopologyDescription {
  return shownOnce(topologies, topology, () =>
    shownAs({ ...topology, nodes: Object.freeze(topology.nodes.map(shownNode)) }),
  );
}

function shownNode(node: NodeDescription): NodeDescription {
  return shownOnce(nodes, node, () => shownAs(node));
}

function shownOnce<T extends object>(known: WeakMap<T, T>, raw: T, make: () => T): T {
  const before = known.get(raw);
  if (before !== undefined) return before;
  const made = make();
  known.set(raw, made);
  return made;
}
