import { type Cluster, type ClusterHealth, formatLsn, type NodeDescription, type NodeStats } from 'pgherd';
import { type Frame, MOST_NODES, type NodeFrame } from '../model/message.ts';
import type { ServerFigures } from './server-figures.ts';

/** What a frame is made of. */
export interface FrameFacts {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly topology: Cluster['topology'];
  readonly stats: ReturnType<Cluster['stats']>;
  /** `undefined` once the cluster is closed. */
  readonly health: ClusterHealth | undefined;
  /** By the name of the node. */
  readonly servers: ReadonlyMap<string, ServerFigures>;
}

/** What a page shows of a cluster. Pure. */
export function frameOf({ at, topology, stats, health, servers }: FrameFacts): Frame {
  const byName = new Map(stats.nodes.map((one) => [one.node, one]));
  const reasons = new Map(health?.nodes.map(({ node, reason }) => [node, reason]));
  const shown = topology.nodes.slice(0, MOST_NODES);
  return {
    at,
    status: statusOf({ topology, stats, health }),
    reasons: health?.reasons ?? [],
    writable: topology.writable ?? null,
    systemIdentifier: topology.systemIdentifier ?? null,
    topologyVersion: topology.version,
    nodes: shown.map((node) => ({
      ...described(node, reasons.get(node.name)),
      ...counted(byName.get(node.name)),
      ...asked(servers.get(node.name), topology.nodes),
    })),
    furtherNodes: topology.nodes.length - shown.length,
  };
}

function statusOf({ topology, stats, health }: Omit<FrameFacts, 'at' | 'servers'>): Frame['status'] {
  if (health === undefined) return 'closed';
  if (stats.resting) return 'resting';
  return topology.startedAt === undefined ? 'starting' : health.status;
}

type Described = Omit<NodeFrame, keyof ReturnType<typeof counted> | keyof ReturnType<typeof asked>>;

function described(node: NodeDescription, reason: string | undefined): Described {
  const isStandby = node.role === 'standby';
  return {
    name: node.name,
    role: node.role,
    health: node.health,
    standing: node.standing,
    since: node.since ?? null,
    reason: reason ?? null,
    aliasOf: node.aliasOf ?? null,
    timeline: node.timeline ?? node.dataTimeline ?? node.timelineAtLeast ?? null,
    lsn: node.lsn === undefined ? null : formatLsn(node.lsn),
    lagBytes: isStandby ? (node.lag.bytes ?? null) : null,
    lagMs: isStandby ? (node.lag.ms ?? null) : null,
    lagging: node.lagging,
    rttMs: node.rttMs ?? null,
    version: node.serverVersion === undefined ? null : versionText(node.serverVersion),
    startedAt: startText(node.postmasterStartedAt),
    zone: node.zone ?? null,
    tags: Object.entries(node.tags),
  };
}

function counted(stats: NodeStats | undefined) {
  const { idle = 0, size = 0, waiting = 0, max = 0 } = stats?.pool ?? {};
  const { inFlight = 0, answered = 0, failures = 0 } = stats ?? {};
  return { pool: { idle, used: size - idle, waiting, max }, inFlight, answered, failures };
}

function asked(figures: ServerFigures | undefined, nodes: readonly NodeDescription[]) {
  const { connections = null, maxConnections = null, upstream = null } = figures ?? {};
  return {
    connections,
    maxConnections,
    upstream: nodes.some(({ name }) => name === upstream) ? upstream : null,
  };
}

/** `18.4` for 180004. */
function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${version % 10_000}`;
}

/** From microseconds since 1970. */
function startText(startedAt: string | undefined): string | null {
  const at = new Date(Number(startedAt) / 1_000);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
