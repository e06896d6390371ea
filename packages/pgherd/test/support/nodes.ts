import type { NodeDescription, TopologyDescription } from '../../src/model/topology.ts';
import { unknownNode } from '../../src/topology/node.ts';
import { initialTopology } from '../../src/topology/topology.ts';
import { addressOf, SYSTEM } from './evidence.ts';

const OK: Partial<NodeDescription> = {
  health: 'ok',
  healthReason: undefined,
  systemIdentifier: SYSTEM,
  postmasterStartedAt: '17',
};

/** A node as it is described after it answered, with whatever a test wants otherwise. */
export function describedNode(letter: string, description: Partial<NodeDescription>): NodeDescription {
  return { ...unknownNode(addressOf(letter)), ...OK, ...description };
}

/** A picture of these nodes in which writes are open, unless told otherwise. */
export function pictureOf(nodes: readonly NodeDescription[], writesOpen = true): TopologyDescription {
  return { ...initialTopology([]), writesOpen, nodes };
}
