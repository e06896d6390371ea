import { looksOf, shownAs } from '../model/looks.ts';
import type { NodeDescription, TopologyDescription } from '../model/topology.ts';

/** One for each topology and each node, so that what has not changed is the same object. */
const topologies = new WeakMap<TopologyDescription, TopologyDescription>();
const nodes = new WeakMap<NodeDescription, NodeDescription>();

/** A topology as the application gets it; made when it is first looked at. */
export function shownTopology(topology: TopologyDescription): TopologyDescription {
  return shownOnce(topologies, topology, () =>
    shownAs({ ...topology, nodes: Object.freeze(topology.nodes.map(shownNode)) }, TOPOLOGY),
  );
}

function shownNode(node: NodeDescription): NodeDescription {
  return shownOnce(nodes, node, () => shownAs(node, NODE));
}

function shownOnce<T extends object>(known: WeakMap<T, T>, raw: T, make: () => T): T {
  const before = known.get(raw);
  if (before !== undefined) return before;
  const made = make();
  known.set(raw, made);
  return made;
}

const TOPOLOGY = looksOf('Topology', (topology: TopologyDescription) => {
  const { version, systemIdentifier, writable, floor, identityConflict, replacement, barred, nodes } =
    topology;
  return {
    version,
    systemIdentifier,
    writable,
    floor,
    identityConflict,
    replacement,
    barred,
    nodes: nodes.map(briefNode),
  };
});
const NODE = looksOf('Node', briefNode);

/** What a person looks for in a node; what is as usual is left out. */
function briefNode(node: NodeDescription): object {
  const {
    name,
    role,
    health,
    healthReason,
    connectFailure,
    standing,
    standingReason,
    since,
    contested,
    aliasOf,
  } = node;
  const { zone, tags, promotable, readable, timeline, lsn, receivedLsn, lag, rttMs, serverVersion } = node;
  return {
    name,
    role,
    health,
    healthReason,
    connectFailure,
    standing,
    standingReason,
    since,
    contested: contested ? true : undefined,
    aliasOf,
    zone,
    tags: Object.keys(tags).length === 0 ? undefined : tags,
    promotable: promotable ? undefined : false,
    readable: readable ? undefined : false,
    timeline,
    lsn,
    receivedLsn,
    lagBytes: lag.bytes,
    lagMs: rounded(lag.ms),
    rttMs: rounded(rttMs),
    serverVersion,
  };
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
