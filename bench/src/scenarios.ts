import type { PromotionResult, TestCluster, TestClusterOptions, TestNode } from '@pgherd/testing';

/** How replication is set up. */
export interface Mode {
  readonly name: 'async' | 'quorum';
  readonly cluster: TestClusterOptions;
}

export const MODES: readonly Mode[] = Object.freeze([
  { name: 'async', cluster: {} },
  { name: 'quorum', cluster: { synchronous: { commit: 'remote_apply', any: 1 } } },
]);

/** One way of losing a primary. */
export interface Scenario {
  readonly name: 'killed' | 'stopped' | 'frozen' | 'partitioned' | 'switchover';
  /** What the cluster needs for it. */
  readonly cluster: TestClusterOptions;
  /** Takes the primary away; resolves with the moment from which it was gone, epoch ms. */
  readonly strike: (primary: TestNode) => Promise<number>;
  /** Promotes another node. */
  readonly replace: (cluster: TestCluster) => Promise<PromotionResult>;
  /** Brings the old primary back as what it was, a second primary, while the load goes on. */
  readonly revive?: (old: TestNode) => Promise<unknown>;
  /** Whether the old primary falls silent instead of closing its connections. */
  readonly silent: boolean;
}

/** How long the referee takes to notice, ms: the same for every client. */
const NOTICE_MS = 1_000;
const failover = (cluster: TestCluster) => cluster.failover({ afterMs: NOTICE_MS });

export const SCENARIOS: readonly Scenario[] = Object.freeze([
  {
    name: 'killed',
    cluster: {},
    strike: (primary) => began(() => primary.kill()),
    replace: failover,
    silent: false,
  },
  {
    name: 'stopped',
    cluster: {},
    strike: (primary) => began(() => primary.stop('fast')),
    replace: failover,
    silent: false,
  },
  {
    name: 'frozen',
    cluster: {},
    strike: (primary) => ended(() => primary.freeze()),
    replace: failover,
    revive: (old) => old.thaw(),
    silent: true,
  },
  {
    name: 'partitioned',
    cluster: { proxy: true, replicationThroughProxy: true },
    strike: (primary) => ended(() => primary.partition()),
    replace: failover,
    revive: (old) => old.heal(),
    silent: false,
  },
  {
    name: 'switchover',
    cluster: {},
    strike: async () => Date.now(),
    replace: async (cluster) => {
      const [to] = cluster.standbys;
      if (to === undefined) throw new Error('There is no standby to switch over to.');
      return cluster.switchover(to);
    },
    silent: false,
  },
] satisfies Scenario[]);

async function began(fault: () => Promise<unknown>): Promise<number> {
  const at = Date.now();
  await fault();
  return at;
}

async function ended(fault: () => Promise<unknown>): Promise<number> {
  await fault();
  return Date.now();
}
