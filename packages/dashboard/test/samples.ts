import type { Frame, NodeFrame, NodePoint, Point } from '../src/model/message.ts';

interface PointParts extends Omit<Partial<Point>, 'nodes'> {
  readonly nodes?: Readonly<Record<string, Partial<NodePoint>>>;
}

/** A point with these figures; nothing else is known. */
export function pointAt(at: number, { nodes = {}, ...figures }: PointParts = {}): Point {
  const nothing = { answered: null, failed: null, p50: null, p95: null, p99: null };
  return {
    at,
    ...nothing,
    idle: 0,
    used: 0,
    waiting: 0,
    ...figures,
    nodes: Object.entries(nodes).map(([name, known]) => ({
      name,
      lagMs: null,
      lagBytes: null,
      rttMs: null,
      transactions: null,
      connections: null,
      ...known,
    })),
  };
}

/** A standby that is well, but for what is said. */
export function nodeFrame(name: string, parts: Partial<NodeFrame> = {}): NodeFrame {
  return {
    name,
    role: 'standby',
    health: 'ok',
    standing: 'current',
    since: '2026-01-01T00:00:00.000Z',
    reason: null,
    aliasOf: null,
    timeline: 1,
    lsn: '0/3000060',
    lagBytes: 0,
    lagMs: 0,
    lagging: false,
    rttMs: 1,
    version: '18.4',
    startedAt: '2026-01-01T00:00:00.000Z',
    zone: null,
    tags: [],
    upstream: null,
    pool: { idle: 1, used: 0, waiting: 0, max: 10 },
    inFlight: 0,
    answered: 0,
    failures: 0,
    connections: null,
    maxConnections: null,
    ...parts,
  };
}

/** The state of a cluster with these nodes. */
export function frameAt(at: number, nodes: readonly NodeFrame[] = [], parts: Partial<Frame> = {}): Frame {
  return {
    at,
    status: 'up',
    reasons: [],
    writable: nodes.find(({ role }) => role === 'primary')?.name ?? null,
    systemIdentifier: '7',
    topologyVersion: 1,
    nodes,
    furtherNodes: 0,
    ...parts,
  };
}
