import { quoted } from '../model/foreign.ts';
import type { NodeDescription } from '../model/topology.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { EjectionChange } from '../routing/ejection.ts';
import type { TopologyChange } from '../topology/diff.ts';
import type { ReturningNodes } from './returning-nodes.ts';

/** Emits the event for an ejection or its end, after which the node takes its share gradually. */
export function announceEjection(
  change: EjectionChange,
  events: Emitter<ClusterEvents>,
  returning: ReturningNodes,
): void {
  const { node } = change;
  if (change.kind === 'readmitted') {
    returning.note(node);
    events.emit('node:readmitted', { node });
  } else events.emit('node:ejected', { node, reason: change.reason, forMs: change.forMs });
}

/** Emits the event for a change of the picture. */
export function announce(change: TopologyChange, events: Emitter<ClusterEvents>): void {
  switch (change.kind) {
    case 'role': {
      const { before, after } = change;
      events.emit('node:role-changed', { node: after.name, before: before.role, after: after.role });
      return;
    }
    case 'health': {
      const { before, after } = change;
      const reason = after.healthReason;
      events.emit('node:health-changed', {
        node: after.name,
        before: before.health,
        after: after.health,
        reason,
      });
      return;
    }
    case 'standing': {
      const { before, after } = change;
      const reason = after.standingReason;
      events.emit('node:standing-changed', {
        node: after.name,
        before: before.standing,
        after: after.standing,
        reason,
      });
      return;
    }
    case 'primary': {
      const { before, after } = change;
      events.emit('primary:changed', { before: before?.name, after: after?.name, timeline: after?.timeline });
      return;
    }
    case 'split-brain': {
      const nodes = change.nodes.map((node) => node.name);
      events.emit('cluster:split-brain', { nodes, timeline: change.nodes[0]?.timeline });
      return;
    }
    case 'foreign': {
      events.emit('cluster:foreign', { systemIdentifiers: change.systemIdentifiers });
      return;
    }
    case 'floor-withdrawn': {
      events.emit('cluster:floor-withdrawn', change.withdrawn);
      return;
    }
    // Reported by a watch of its own, also while it lasts.
    case 'contest':
      return;
    case 'epoch-written': {
      const { epoch, from, node, reason, value } = change.acceptance;
      if (epoch !== undefined) {
        events.emit('cluster:epoch-accepted', { by: 'database', node, value, from, to: epoch.timeline });
      } else {
        const message = `pgherd.accept_epoch ${quoted(value)} on ${node} is refused: ${reason}`;
        events.emit('cluster:warned', { message });
      }
      return;
    }
    case 'several-servers': {
      events.emit('node:several-servers', severalServers(change.node));
      return;
    }
    case 'added': {
      events.emit('node:added', { node: change.node.name });
      return;
    }
    case 'removed': {
      events.emit('node:removed', { node: change.node.name });
      return;
    }
    case 'replaced': {
      const { before, after, adopted } = change;
      events.emit('cluster:replaced', { before, after, adopted });
      return;
    }
    default:
      change satisfies never;
  }
}

function severalServers({ name, several }: NodeDescription): ClusterEvents['node:several-servers'] {
  return { node: name, servers: several?.servers ?? 1, barsWrites: several?.barsWrites === true };
}
