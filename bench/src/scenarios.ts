import type { PromotionResult, TestCluster, TestClusterOptions, TestNode } from '@pgherd/testing';
import { type WorkWatch, watchCutOff, watchFrozen } from './work-watch.ts';

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
  readonly name:
    | 'killed'
    | 'stopped'
    | 'frozen'
    | 'partitioned'
    | 'switchover'
    | 'split-brain'
    | 'restarted'
    | 'frozen-idle'
    | 'partitioned-idle';
  /** What the cluster needs for it. */
  readonly cluster: TestClusterOptions;
  /** Takes the primary away; resolves with the moment from which it was gone, epoch ms. */
  readonly strike: (primary: TestNode) => Promise<number>;
  /** Promotes another node. */
  readonly replace: (cluster: TestCluster) => Promise<PromotionResult>;
  /** Brings the old primary back as what it was, a second primary, while the load goes on; nothing to do if it was there all the time. */
  readonly revive?: (old: TestNode) => Promise<unknown>;
  /** Where the old primary falls silent: prepares to see when it is last handed work, before the fault. */
  readonly watch?: (old: TestNode) => Promise<() => WorkWatch>;
  /** Whether the client has nothing to do when the primary is lost. */
  readonly idle: boolean;
}

/** How long the referee takes to notice, ms: the same for every client. */
const NOTICE_MS = 1_000;
const failover = (cluster: TestCluster) => cluster.failover({ afterMs: NOTICE_MS });

const FROZEN = {
  cluster: {},
  strike: (primary: TestNode) => ended(() => primary.freeze()),
  replace: failover,
  revive: (old: TestNode) => old.thaw(),
};

const PARTITIONED = {
  cluster: { proxy: true, replicationThroughProxy: true },
  strike: (primary: TestNode) => ended(() => primary.partition()),
  replace: failover,
  revive: (old: TestNode) => old.heal(),
};

export const SCENARIOS: readonly Scenario[] = Object.freeze([
  {
    name: 'killed',
    cluster: {},
    strike: (primary) => began(() => primary.kill()),
    replace: failover,
    idle: false,
  },
  {
    name: 'stopped',
    cluster: {},
    strike: (primary) => began(() => primary.stop('fast')),
    replace: failover,
    idle: false,
  },
  { name: 'frozen', ...FROZEN, watch: watchFrozen, idle: false },
  { name: 'partitioned', ...PARTITIONED, watch: watchCutOff, idle: false },
  {
    name: 'switchover',
    cluster: {},
    strike: async () => Date.now(),
    replace: async (cluster) => {
      const [to] = cluster.standbys;
      if (to === undefined) throw new Error('There is no standby to switch over to.');
      return cluster.switchover(to);
    },
    idle: false,
  },
  {
    name: 'split-brain',
    cluster: {},
    strike: async () => Date.now(),
    replace: promoteBeside,
    revive: async () => undefined,
    idle: false,
  },
  {
    name: 'restarted',
    cluster: {},
    strike: (primary) => ended(() => primary.stop('fast')),
    replace: restart,
    idle: false,
  },
  { name: 'frozen-idle', ...FROZEN, idle: true },
  { name: 'partitioned-idle', ...PARTITIONED, idle: true },
] satisfies Scenario[]);

/** A standby is promoted although the primary is well, and nothing stops that one: both accept writes. */
async function promoteBeside(cluster: TestCluster): Promise<PromotionResult> {
  const demoted = cluster.primary;
  const [promoted] = cluster.standbys;
  if (promoted === undefined) throw new Error('There is no standby to promote.');
  const { at } = await promoted.promote();
  return { promoted, demoted, readyAt: at };
}

/** The same server comes back at its address, in the same role. */
async function restart(cluster: TestCluster): Promise<PromotionResult> {
  const { primary } = cluster;
  const { at } = await primary.start();
  return { promoted: primary, demoted: primary, readyAt: at };
}

async function began(fault: () => Promise<unknown>): Promise<number> {
  const at = Date.now();
  await fault();
  return at;
}

async function ended(fault: () => Promise<unknown>): Promise<number> {
  await fault();
  return Date.now();
}
