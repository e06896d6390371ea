import type { NodePorts } from '../node/live-node.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';

type NodeEvents = Pick<NodePorts, 'opened' | 'failed' | 'closed' | 'scarce' | 'condemned' | 'warned'>;

/** What live nodes report and nothing but events comes of. */
export function nodeEvents(events: Emitter<ClusterEvents>): NodeEvents {
  return {
    opened: (node, durationMs) => events.emit('connection:opened', { node, durationMs }),
    failed: (node, error) => events.emit('connection:failed', { node, error }),
    closed: (node, reason) => events.emit('connection:closed', { node, reason }),
    scarce: (event) => events.emit('pool:scarce', event),
    condemned: (event) => events.emit('connection:condemned', event),
    warned: (message) => events.emit('cluster:warned', { message }),
  };
}
