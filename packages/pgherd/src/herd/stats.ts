import type { Health, Role, Standing } from '../model/names.ts';
import type { PoolStats } from '../pool/settings.ts';
import type { Herd } from './herd.ts';

/** The statistics of one node. */
export interface NodeStats {
  readonly node: string;
  readonly role: Role;
  readonly health: Health;
  readonly standing: Standing;
  /** Where connections lead: to the server itself, to a pooler before it, or not known yet. */
  readonly route: 'unknown' | 'direct' | 'pooler';
  readonly pool: PoolStats;
  /** Connections that foreign clients speak on; not counted in `pool`. */
  readonly guests: number;
  /** Statements in flight now. */
  readonly inFlight: number;
  /** Smoothed duration of a statement, milliseconds; `undefined` before the first. */
  readonly ewmaMs: number | undefined;
  /** Statements answered with a result since the start. */
  readonly answered: number;
  /** Statements that ended with an error since the start. */
  readonly failures: number;
}

/** A snapshot of the statistics of all nodes. */
export interface ClusterStats {
  readonly nodes: readonly NodeStats[];
  /** Whether the cluster rests (`restAfterMs`): it has no connections, and watches no node. */
  readonly resting: boolean;
  readonly total: PoolStats & {
    readonly guests: number;
    readonly inFlight: number;
    readonly answered: number;
    readonly failures: number;
  };
}

const COUNTS = [
  'size',
  'idle',
  'leased',
  'checking',
  'opening',
  'waiting',
  'max',
  'opened',
  'closed',
  'failed',
  'acquired',
  'waited',
  'waitedMs',
] as const;

/** The statistics of all nodes, and their sums. */
export function statsOf(herd: Herd): ClusterStats {
  const nodes = herd.topology.nodes.flatMap((node) => {
    const live = herd.nodes.get(node.name);
    if (live === undefined) return [];
    const { inFlight, answered, failures } = live;
    return [
      Object.freeze({
        node: node.name,
        role: node.role,
        health: node.health,
        standing: node.standing,
        route: live.route(),
        pool: live.pool.stats(),
        guests: live.guests.count,
        inFlight: inFlight.count,
        ewmaMs: inFlight.ewmaMs,
        answered,
        failures,
      }),
    ];
  });
  const sum = (pick: (node: NodeStats) => number) => nodes.reduce((total, node) => total + pick(node), 0);
  const pools = Object.fromEntries(COUNTS.map((name) => [name, sum((node) => node.pool[name])]));
  const total = {
    ...(pools as unknown as PoolStats),
    oldestWaitMs: Math.max(0, ...nodes.map((node) => node.pool.oldestWaitMs)),
    guests: sum((node) => node.guests),
    inFlight: sum((node) => node.inFlight),
    answered: sum((node) => node.answered),
    failures: sum((node) => node.failures),
  };
  const resting = herd.rest.isResting;
  return Object.freeze({ nodes: Object.freeze(nodes), resting, total: Object.freeze(total) });
}
