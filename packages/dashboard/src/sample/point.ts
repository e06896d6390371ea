import type { Cluster, NodeStats } from 'pgherd';
import { MOST_NODES, type NodePoint, type Point } from '../model/message.ts';
import type { Percentiles } from './durations.ts';
import type { ServerFigures } from './server-figures.ts';

/** Statements that nodes had answered, and failed to, at a time. */
export interface Counted {
  /** Milliseconds, of a clock that never goes back. */
  readonly now: number;
  readonly byNode: ReadonlyMap<string, Pick<NodeStats, 'answered' | 'failures'>>;
}

/** What a point is made of. */
export interface PointFacts {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly topology: Cluster['topology'];
  readonly stats: ReturnType<Cluster['stats']>;
  readonly counted: Counted;
  /** At the sample before; `undefined` at the first one. */
  readonly before: Counted | undefined;
  readonly percentiles: Percentiles;
  readonly servers: ReadonlyMap<string, ServerFigures>;
}

/** What is counted at one time. Pure. */
export function countedAt(now: number, { nodes }: ReturnType<Cluster['stats']>): Counted {
  return { now, byNode: new Map(nodes.map((node) => [node.node, node])) };
}

/** The figures of one sample. Pure. */
export function pointOf(facts: PointFacts): Point {
  const { at, topology, stats, percentiles, servers } = facts;
  const { idle, size, waiting } = stats.total;
  return {
    at,
    answered: perSecond(facts, 'answered'),
    failed: perSecond(facts, 'failures'),
    ...percentiles,
    idle,
    used: size - idle,
    waiting,
    nodes: topology.nodes
      .filter(({ aliasOf }) => aliasOf === undefined)
      .slice(0, MOST_NODES)
      .map(({ name, role, health, lag, rttMs }): NodePoint => {
        const isStandby = role === 'standby' && health === 'ok';
        const server = servers.get(name);
        return {
          name,
          lagMs: isStandby ? (lag.ms ?? null) : null,
          lagBytes: isStandby ? (lag.bytes ?? null) : null,
          rttMs: health === 'ok' ? (rttMs ?? null) : null,
          transactions: server?.transactions ?? null,
          connections: server?.connections ?? null,
        };
      }),
  };
}

/** What was added in a second; a node that came since the sample before counts from nothing. */
function perSecond({ counted, before }: PointFacts, what: 'answered' | 'failures'): number | null {
  if (before === undefined) return null;
  const added = [...counted.byNode].reduce(
    (sum, [node, counts]) => sum + Math.max(0, counts[what] - (before.byNode.get(node)?.[what] ?? 0)),
    0,
  );
  return (added * 1_000) / Math.max(1, counted.now - before.now);
}
