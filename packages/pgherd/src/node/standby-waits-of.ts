import type { Ask } from '../monitor/connection.ts';
import { findNode } from '../topology/topology.ts';
import type { InFlight } from './in-flight.ts';
import type { NodePortsOf } from './node-ports.ts';
import { StandbyWaits } from './standby-waits.ts';

interface WaitedNode {
  readonly name: string;
  readonly monitor: { readonly ask: Ask | undefined };
  readonly inFlight: Pick<InFlight, 'oldestSince'>;
}

/** The waits of a live node for synchronous standbys. */
export function standbyWaitsOf<N extends WaitedNode>(node: N, ports: NodePortsOf<N>): StandbyWaits {
  const { settings } = ports;
  return new StandbyWaits({
    node: node.name,
    clock: settings.clock,
    timeoutMs: settings.probe.timeoutMs,
    ask: () => node.monitor.ask,
    oldestSince: () => node.inFlight.oldestSince,
    isPrimary: () => findNode(ports.topology(), node.name)?.role === 'primary',
    changed: (event) => ports.commitsWait(event),
  });
}
