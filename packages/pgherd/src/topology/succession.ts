import type { Levels } from '../model/floors.ts';
import type { NodeAddress, TopologyDescription } from '../model/topology.ts';
import { nodeName } from './node.ts';
import { type ListedNode, type TopologySettings, withNodes } from './topology.ts';

/** That a node is known by another address, and the name of that, from now on. */
export interface Succession {
  /** Name of the node before. */
  readonly from: string;
  /** Where its successor listens. */
  readonly to: NodeAddress;
}

/**
 * The picture with these nodes, and the names of nodes that go on under another one, by the one before. A node that has a successor has a
 * new address and name, and nothing else is different: what was seen of it was seen of its server. One of which it is not known to
 * which server its address leads has none.
 */
export function withNamed(
  topology: TopologyDescription,
  nodes: readonly ListedNode[],
  succession: Succession | undefined,
  settings: TopologySettings,
  now: number,
): { readonly after: TopologyDescription; readonly successors: ReadonlyMap<string, string> } {
  const picture = succession === undefined ? topology : renamed(topology, succession);
  const after = withNodes(picture, nodes, topology.leaderHint, settings, now);
  const isKnown = succession !== undefined && picture !== topology;
  const successors = isKnown ? [[succession.from, nodeName(succession.to)] as const] : [];
  return { after, successors: new Map(successors) };
}

function renamed(topology: TopologyDescription, { from, to }: Succession): TopologyDescription {
  const name = nodeName(to);
  const node = topology.nodes.find((one) => one.name === from);
  if (node === undefined || node.several !== undefined || node.leadsTo !== undefined) return topology;
  const ofNode = <T extends { readonly node: string }>(all: readonly T[]): readonly T[] =>
    Object.freeze(all.map((one) => (one.node === from ? Object.freeze({ ...one, node: name }) : one)));
  return Object.freeze({
    ...topology,
    levels: levelsOf(topology.levels, ofNode),
    givenUp: ofNode(topology.givenUp),
    positions: ofNode(topology.positions),
    incumbent: topology.incumbent === from ? name : topology.incumbent,
    nodes: Object.freeze(
      topology.nodes.map((one) =>
        one === node ? Object.freeze({ ...node, name, address: Object.freeze({ ...to }) }) : one,
      ),
    ),
  });
}

function levelsOf(
  levels: Levels,
  ofNode: <T extends { readonly node: string }>(all: readonly T[]) => readonly T[],
): Levels {
  const systems = Object.entries(levels).map(
    ([system, all]) =>
      [
        system,
        Object.freeze(all.map((level) => Object.freeze({ ...level, witnesses: ofNode(level.witnesses) }))),
      ] as const,
  );
  return Object.freeze(Object.fromEntries(systems));
}
