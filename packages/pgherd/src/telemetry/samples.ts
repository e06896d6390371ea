import type { Cluster } from '../cluster/cluster.ts';
import type { Clusters } from './clusters.ts';
import type { Labels, MetricName } from './metrics.ts';

/** One value of a gauge. */
export interface Sample {
  readonly metric: MetricName;
  readonly value: number;
  readonly labels: Labels;
}

/** The present values of all gauges. No server is asked; a cluster that is closed has none. */
export function samplesOf(clusters: Clusters): Sample[] {
  return [...clusters].flatMap(([name, cluster]) => (cluster.isOpen ? samplesOfCluster(name, cluster) : []));
}

function samplesOfCluster(cluster: string, db: Cluster): Sample[] {
  const { topology } = db;
  const { nodes, resting } = db.stats();
  const samples: Sample[] = [];
  const add = (metric: MetricName, value: number | undefined, labels: Labels) => {
    if (value !== undefined) samples.push({ metric, value, labels });
  };
  for (const { node, role, pool, inFlight } of nodes) {
    const labels: Labels = { cluster, node };
    add('connections', pool.idle, { ...labels, state: 'idle' });
    add('connections', pool.size - pool.idle, { ...labels, state: 'used' });
    add('connectionsMax', pool.max, labels);
    add('pendingRequests', pool.waiting, labels);
    add('oldestWait', pool.oldestWaitMs / 1_000, labels);
    add('inFlight', inFlight, labels);
    add('role', 1, { ...labels, role });
  }
  if (resting || topology.startedAt === undefined) return samples;
  add('writable', topology.writable === undefined ? 0 : 1, { cluster });
  for (const { name: node, health, lag } of topology.nodes) {
    const labels: Labels = { cluster, node };
    add('up', health === 'ok' ? 1 : 0, labels);
    add('lag', lag.ms === undefined ? undefined : lag.ms / 1_000, labels);
    add('lagBytes', lag.bytes, labels);
  }
  return samples;
}
