import {
  type Cluster,
  type ClusterHealth,
  type ClusterStatus,
  formatLsn,
  type NodeDescription,
} from 'pgherd';
import type { ServerLoad } from './servers.ts';

/** One node, as `pgherd status --json` shows it. What is not known is `null`. */
export interface NodeStatus {
  readonly node: string;
  readonly role: NodeDescription['role'];
  readonly health: NodeDescription['health'];
  readonly standing: NodeDescription['standing'];
  /** Why it is not `ok` or not `current`. */
  readonly reason: string | null;
  /** Since when role, health and standing are what they are, as far as this program has seen: ISO 8601. */
  readonly since: string | null;
  readonly timeline: number | null;
  readonly lsn: string | null;
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
  readonly latencyMs: number | null;
  readonly connections: ServerLoad['connections'] | null;
  readonly serverVersion: number | null;
  /** Another name under which the same server is in the list. */
  readonly aliasOf: string | null;
}

/** What `pgherd status --json` prints. */
export interface StatusJson {
  readonly status: ClusterStatus;
  readonly reasons: readonly string[];
  /** The node that writes go to. */
  readonly writable: string | null;
  readonly systemIdentifier: string | null;
  readonly nodes: readonly NodeStatus[];
}

/** What a status is made of. */
export interface StatusFacts {
  readonly health: ClusterHealth;
  readonly nodes: readonly NodeDescription[];
  readonly writable: string | undefined;
  readonly systemIdentifier: string | undefined;
  /** By the name of the node; nodes that could not be asked are absent. */
  readonly loads: ReadonlyMap<string, ServerLoad>;
}

/** The status of a cluster as it is known now. */
export function statusNow(
  db: Pick<Cluster, 'health' | 'nodes' | 'topology'>,
  loads: StatusFacts['loads'],
): StatusJson {
  const { writable, systemIdentifier } = db.topology;
  return statusOf({ health: db.health(), nodes: db.nodes(), writable, systemIdentifier, loads });
}

/** The status as plain data. Pure. */
export function statusOf({ health, nodes, writable, systemIdentifier, loads }: StatusFacts): StatusJson {
  const reasons = new Map(health.nodes.map(({ node, reason }) => [node, reason]));
  return {
    status: health.status,
    reasons: health.reasons,
    writable: writable ?? null,
    systemIdentifier: systemIdentifier ?? null,
    nodes: nodes.map((node) => ({
      node: node.name,
      role: node.role,
      health: node.health,
      standing: node.standing,
      reason: reasons.get(node.name) ?? null,
      since: node.since ?? null,
      timeline: node.timeline ?? node.dataTimeline ?? node.timelineAtLeast ?? null,
      lsn: node.lsn === undefined ? null : formatLsn(node.lsn),
      lagBytes: node.role === 'standby' ? (node.lag.bytes ?? null) : null,
      lagMs: node.role === 'standby' ? (node.lag.ms ?? null) : null,
      latencyMs:
        node.rttMs === undefined || node.health === 'offline' ? null : Math.round(node.rttMs * 100) / 100,
      connections: loads.get(node.name)?.connections ?? null,
      serverVersion: node.serverVersion ?? null,
      aliasOf: node.aliasOf ?? null,
    })),
  };
}
