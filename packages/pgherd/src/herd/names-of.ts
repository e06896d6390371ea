import type { TopologyDescription } from '../model/topology.ts';
import { Names, type NamesPorts } from '../names/names.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { REDIAL_NAMES_MS } from '../topology/redial-plan.ts';
import { findNode, type ListedNode } from '../topology/topology.ts';

/** What the names need from the herd. */
interface NamesOfPorts extends Pick<NamesPorts, 'callsWait' | 'changed'> {
  readonly events: Emitter<ClusterEvents>;
  topology(): TopologyDescription;
}

/** The names among the hosts of the connection string. */
export function namesOf(
  { clock, driver, probe, random }: ClusterSettings,
  configured: readonly ListedNode[],
  { events, topology, ...ports }: NamesOfPorts,
): Names {
  return new Names(configured, {
    ...ports,
    clock,
    random,
    lookUp: driver.lookUp?.bind(driver),
    redialMs: probe.redialMs ?? REDIAL_NAMES_MS,
    warned: (message) => events.emit('cluster:warned', { message }),
    healthOf: (node) => findNode(topology(), node)?.health,
  });
}
