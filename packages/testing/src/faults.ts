import type { TestCluster } from './cluster.ts';
import { TestClusterError } from './errors.ts';
import type { TestNode } from './server/node.ts';
import { createUndo, type Undo } from './undo.ts';

/** The ways in which {@link breakCluster} breaks a cluster. */
export const FAULT_NAMES = Object.freeze([
  'primary killed',
  'primary stopped',
  'primary frozen',
  'primary cut off',
  'primary restarted',
  'switchover',
  'rolling restart',
  'standby killed',
  'standby frozen',
  'standby cut off',
  'standby lags',
  'replay paused',
  'sessions terminated',
  'connections reset',
  'all paused',
] as const);

/** One of {@link FAULT_NAMES}. */
export type FaultName = (typeof FAULT_NAMES)[number];

/** How {@link breakCluster} breaks it. */
export interface FaultOptions {
  /** How long the failover manager takes to notice that the primary is lost, milliseconds. Default 1,000. */
  readonly promoteAfterMs?: number | undefined;
  /** For `standby lags` the age of the data, for `all paused` the duration, milliseconds. Default 2,000. */
  readonly forMs?: number | undefined;
}

type Means = (cluster: TestCluster, options: Required<FaultOptions>) => Promise<unknown>;

/** Loses the primary; a manager of the cluster notices that and promotes a standby. */
const lost =
  (lose: (primary: TestNode) => Promise<unknown>): Means =>
  async (cluster, { promoteAfterMs }) => {
    await lose(cluster.primary);
    await cluster.failover({ afterMs: promoteAfterMs ?? 0 });
  };

const MEANS: Readonly<Record<FaultName, Means>> = Object.freeze({
  'primary killed': lost((node) => node.kill()),
  'primary stopped': lost((node) => node.stop('fast')),
  'primary frozen': lost((node) => node.freeze()),
  'primary cut off': lost((node) => node.partition()),
  'primary restarted': ({ primary }) => restart(primary),
  switchover: (cluster) => cluster.switchover(standbyOf(cluster)),
  'rolling restart': async (cluster) => {
    for (const node of [...cluster.standbys, cluster.primary]) {
      await restart(node);
      await cluster.waitForStreaming();
    }
  },
  'standby killed': (cluster) => standbyOf(cluster).kill(),
  'standby frozen': (cluster) => standbyOf(cluster).freeze(),
  'standby cut off': (cluster) => standbyOf(cluster).partition(),
  'standby lags': (cluster, { forMs }) => standbyOf(cluster).lag(forMs ?? 0),
  'replay paused': (cluster) => standbyOf(cluster).pauseReplay(),
  'sessions terminated': (cluster) =>
    Promise.all(
      cluster.nodes.map((node) =>
        node.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`),
      ),
    ),
  'connections reset': async (cluster) => {
    for (const node of cluster.nodes) node.proxy.reset();
  },
  'all paused': (cluster, { forMs }) => cluster.pause(forMs ?? 0),
});

/**
 * Breaks a cluster in one of the ways that production does. Where the primary is lost, a standby is promoted; it resolves when the new
 * primary takes writes. The undo repairs the cluster: all nodes run, and follow the present primary.
 *
 * `primary cut off`, `standby cut off` and `connections reset` need a cluster with `proxy: true`, and all but `primary restarted`,
 * `sessions terminated`, `connections reset` and `all paused` need standbys.
 *
 * @throws {@link TestClusterError} for an unknown fault, or one that this cluster cannot have.
 * @example
 * await using _ = await breakCluster(cluster, 'primary frozen');
 */
export async function breakCluster(
  cluster: TestCluster,
  name: FaultName,
  options: FaultOptions = {},
): Promise<Undo> {
  if (!Object.hasOwn(MEANS, name)) {
    throw new TestClusterError(`There is no fault '${String(name)}'; there are ${FAULT_NAMES.join(', ')}.`);
  }
  const { promoteAfterMs = 1_000, forMs = 2_000 } = options;
  await MEANS[name](cluster, { promoteAfterMs, forMs });
  return createUndo(() => cluster.repair());
}

async function restart(node: TestNode): Promise<void> {
  await node.stop('fast');
  await node.start();
}

function standbyOf(cluster: TestCluster): TestNode {
  const [first] = cluster.standbys;
  if (first) return first;
  throw new TestClusterError('The cluster has no standby. Make it with createTestCluster({ standbys: 2 }).');
}
