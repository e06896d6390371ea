/** What labels a metric may have; each has few values. */
export type Label = 'cluster' | 'node' | 'role' | 'state' | 'purpose' | 'verb' | 'kind' | 'error';
export type Labels = Readonly<Partial<Record<Label, string>>>;

/** One metric, as both systems have it. */
export interface Metric {
  readonly kind: 'gauge' | 'counter' | 'histogram';
  /** Name for OpenTelemetry: that of the database conventions where these have one. */
  readonly otel: string;
  /** Unit for OpenTelemetry, by UCUM. */
  readonly unit: string;
  readonly prometheus: string;
  readonly help: string;
  readonly labels: readonly Label[];
  /** Boundaries of a histogram, seconds. */
  readonly buckets?: readonly number[] | undefined;
}

/** The boundaries that the conventions advise for durations of operations, seconds. */
const OPERATION_SECONDS = Object.freeze([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]);
/** A failover takes seconds, one by hand minutes. */
const GAP_SECONDS = Object.freeze([0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]);

const NODE: readonly Label[] = Object.freeze(['cluster', 'node']);

/** Every metric. */
export const METRICS = Object.freeze({
  callDuration: {
    kind: 'histogram',
    otel: 'db.client.operation.duration',
    unit: 's',
    prometheus: 'pgherd_call_duration_seconds',
    help: 'Duration of calls with statements, from the call to its end, waiting and retries included.',
    labels: ['cluster', 'node', 'verb', 'error'],
    buckets: OPERATION_SECONDS,
  },
  connections: {
    kind: 'gauge',
    otel: 'db.client.connection.count',
    unit: '{connection}',
    prometheus: 'pgherd_pool_connections',
    help: 'Open connections of the pool of a node, by state: idle or used.',
    labels: ['cluster', 'node', 'state'],
  },
  connectionsMax: {
    kind: 'gauge',
    otel: 'db.client.connection.max',
    unit: '{connection}',
    prometheus: 'pgherd_pool_connections_max',
    help: 'Most connections that the pool of a node may have.',
    labels: NODE,
  },
  pendingRequests: {
    kind: 'gauge',
    otel: 'db.client.connection.pending_requests',
    unit: '{request}',
    prometheus: 'pgherd_pool_waiting_calls',
    help: 'Calls that wait in the pool of a node for a connection or their turn.',
    labels: NODE,
  },
  oldestWait: {
    kind: 'gauge',
    otel: 'pgherd.pool.oldest_wait',
    unit: 's',
    prometheus: 'pgherd_pool_oldest_wait_seconds',
    help: 'How long the first waiting call of a pool has been waiting.',
    labels: NODE,
  },
  timeouts: {
    kind: 'counter',
    otel: 'db.client.connection.timeouts',
    unit: '{timeout}',
    prometheus: 'pgherd_connection_timeouts_total',
    help: 'Calls whose time was over before they had a connection of their own.',
    labels: ['cluster'],
  },
  createTime: {
    kind: 'histogram',
    otel: 'db.client.connection.create_time',
    unit: 's',
    prometheus: 'pgherd_connection_create_seconds',
    help: 'Time that opening a connection of the pool took, the login included.',
    labels: NODE,
    buckets: OPERATION_SECONDS,
  },
  waitTime: {
    kind: 'histogram',
    otel: 'db.client.connection.wait_time',
    unit: 's',
    prometheus: 'pgherd_connection_wait_seconds',
    help: 'Time that calls waited for a node and a connection of their own.',
    labels: NODE,
    buckets: OPERATION_SECONDS,
  },
  connectFailures: {
    kind: 'counter',
    otel: 'pgherd.connection.failures',
    unit: '{connection}',
    prometheus: 'pgherd_connection_failures_total',
    help: 'Connections of the pool that could not be opened.',
    labels: NODE,
  },
  inFlight: {
    kind: 'gauge',
    otel: 'pgherd.node.in_flight',
    unit: '{statement}',
    prometheus: 'pgherd_node_statements_in_flight',
    help: 'Statements that a node is working on.',
    labels: NODE,
  },
  role: {
    kind: 'gauge',
    otel: 'pgherd.node.role',
    unit: '1',
    prometheus: 'pgherd_node_role',
    help: '1 for the role that a node has now.',
    labels: ['cluster', 'node', 'role'],
  },
  up: {
    kind: 'gauge',
    otel: 'pgherd.node.up',
    unit: '1',
    prometheus: 'pgherd_node_up',
    help: '1 if a node answers, 0 if it is suspect or offline.',
    labels: NODE,
  },
  lag: {
    kind: 'gauge',
    otel: 'pgherd.node.lag',
    unit: 's',
    prometheus: 'pgherd_node_lag_seconds',
    help: 'Age of the data that a standby shows; absent if it was not measured.',
    labels: NODE,
  },
  lagBytes: {
    kind: 'gauge',
    otel: 'pgherd.node.lag_bytes',
    unit: 'By',
    prometheus: 'pgherd_node_lag_bytes',
    help: 'Write-ahead log that a standby has yet to replay; absent if it was not measured.',
    labels: NODE,
  },
  writable: {
    kind: 'gauge',
    otel: 'pgherd.cluster.writable',
    unit: '1',
    prometheus: 'pgherd_cluster_writable',
    help: '1 if a node takes writes, 0 if writes wait; absent while the cluster rests.',
    labels: ['cluster'],
  },
  failovers: {
    kind: 'counter',
    otel: 'pgherd.failover.count',
    unit: '{failover}',
    prometheus: 'pgherd_failovers_total',
    help: 'How often writes have moved to another node.',
    labels: ['cluster'],
  },
  failoverGap: {
    kind: 'histogram',
    otel: 'pgherd.failover.gap',
    unit: 's',
    prometheus: 'pgherd_failover_gap_seconds',
    help: 'How long no node was known to take writes, at the end of each such time.',
    labels: ['cluster'],
    buckets: GAP_SECONDS,
  },
  retries: {
    kind: 'counter',
    otel: 'pgherd.retries',
    unit: '{retry}',
    prometheus: 'pgherd_retries_total',
    help: 'Further attempts of calls, by the kind of the error before.',
    labels: ['cluster', 'kind'],
  },
  retriesExhausted: {
    kind: 'counter',
    otel: 'pgherd.retries.exhausted',
    unit: '{call}',
    prometheus: 'pgherd_retries_exhausted_total',
    help: 'Calls that were not run again since the budget of retries was used up.',
    labels: ['cluster'],
  },
  outcomesUnknown: {
    kind: 'counter',
    otel: 'pgherd.outcome.unknown',
    unit: '{call}',
    prometheus: 'pgherd_outcomes_unknown_total',
    help: 'Calls that ended without knowing whether their work was done.',
    labels: ['cluster'],
  },
} satisfies Readonly<Record<string, Metric>>);

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES: readonly MetricName[] = Object.freeze(Object.keys(METRICS) as MetricName[]);

/** Metrics whose values are asked for when they are collected. */
export const GAUGES: readonly MetricName[] = Object.freeze(
  METRIC_NAMES.filter((name) => METRICS[name].kind === 'gauge'),
);
