import type { TopologyDescription } from '../model/topology.ts';
import { findNode } from '../topology/topology.ts';

/** Whether the node is in recovery, if a ParameterStatus says so and that is news; else `undefined`. */
export function newRole(
  topology: TopologyDescription,
  node: string,
  parameter: string,
  value: string,
): boolean | undefined {
  if (parameter !== 'in_hot_standby') return undefined;
  const inHotStandby = value === 'on';
  const known = findNode(topology, node)?.role;
  return known !== 'unknown' && (known === 'standby') === inHotStandby ? undefined : inHotStandby;
}
