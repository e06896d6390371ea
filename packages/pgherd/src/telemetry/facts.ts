import type { QueryMessage, TracedCluster, TransactionMessage } from '../channels/channels.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Off } from '../observe/emitter.ts';
import { isOutcomeUnknown } from '../retry/predicates.ts';
import { systemClock } from '../time/system.ts';
import type { Clusters } from './clusters.ts';
import { type Labels, METRIC_NAMES, METRICS, type Metric, type MetricName } from './metrics.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Where counters and histograms are kept. */
export interface Sink {
  record(metric: MetricName, value: number, labels: Labels): void;
  /** A metric of which nothing was recorded is 0 from now on: what grows from nothing is no growth to Prometheus. */
  begin(metric: MetricName, labels: Labels): void;
  /** A call with a statement has ended. */
  called(message: QueryMessage): void;
  /** A cluster is reported no more: its series end, where they can. */
  forget(cluster: string): void;
}

/** Counters and histograms of whole clusters. */
const OF_CLUSTERS: readonly MetricName[] = METRIC_NAMES.filter((name) => {
  const { kind, labels }: Metric = METRICS[name];
  return kind !== 'gauge' && labels.length === 1 && labels[0] === 'cluster';
});

/** Codes of calls that waited for a connection until their time was over. */
const OUT_OF_TIME: ReadonlySet<unknown> = new Set([
  'PGHERD_WAIT_TIMEOUT',
  'PGHERD_TIMEOUT',
  'PGHERD_NO_SUITABLE_NODE',
]);

/** What the channels say of all clusters of the process. */
export function observeChannels(subscriptions: Subscriptions, clusters: Clusters, sink: Sink): void {
  const begun = new WeakMap<object, number>();
  // The statement and the transaction around it may end with one error.
  const seen = new WeakSet<object>();
  const ended = ({ cluster, error }: { readonly cluster: TracedCluster; readonly error?: unknown }) => {
    if (typeof error !== 'object' || error === null || seen.has(error)) return;
    seen.add(error);
    if (isOutcomeUnknown(error)) sink.record('outcomesUnknown', 1, { cluster: clusters.nameOf(cluster) });
  };
  subscriptions.subscribe('pgherd:query', 'asyncEnd', (message) => {
    sink.called(message);
    if (message.error !== undefined) ended(message);
  });
  subscriptions.subscribe('pgherd:transaction', 'asyncEnd', (message: TransactionMessage) => {
    if (message.error !== undefined) ended(message);
    else if (message.outcome === 'unknown')
      sink.record('outcomesUnknown', 1, { cluster: clusters.nameOf(message.cluster) });
  });
  subscriptions.subscribe('pgherd:acquire', 'start', (message) => {
    begun.set(message, systemClock.now());
  });
  subscriptions.subscribe('pgherd:acquire', 'asyncEnd', (message) => {
    const { node, error } = message;
    const cluster = clusters.nameOf(message.cluster);
    const since = begun.get(message);
    if (node !== undefined && since !== undefined)
      sink.record('waitTime', (systemClock.now() - since) / 1_000, { cluster, node });
    if (OUT_OF_TIME.has((error as { readonly code?: unknown } | undefined)?.code))
      sink.record('timeouts', 1, { cluster });
  });
}

/** What the events of one cluster say; returns what ends that. */
export function observeEvents(cluster: string, db: Cluster, sink: Sink): Off {
  const gaps = new WriteGaps(db.topology.writable);
  for (const metric of OF_CLUSTERS) sink.begin(metric, { cluster });
  const offs: Off[] = [
    db.on('connection:opened', ({ node, durationMs }) =>
      sink.record('createTime', durationMs / 1_000, { cluster, node }),
    ),
    db.on('connection:failed', ({ node }) => sink.record('connectFailures', 1, { cluster, node })),
    db.on('call:retried', ({ kind }) => sink.record('retries', 1, { cluster, kind })),
    db.on('retry:exhausted', () => sink.record('retriesExhausted', 1, { cluster })),
    db.on('cluster:rested', () => gaps.rest()),
    db.on('cluster:woken', () => gaps.wake()),
    db.on('primary:changed', ({ after }) => {
      const { gapMs, moved } = gaps.primary(after, systemClock.now());
      if (gapMs !== undefined) sink.record('failoverGap', gapMs / 1_000, { cluster });
      if (moved) sink.record('failovers', 1, { cluster });
    }),
  ];
  return () => {
    for (const off of offs) off();
  };
}

/** For how long no node took writes, and whether another one took them then. Times are milliseconds. */
export class WriteGaps {
  /** The node that took writes last. */
  #last: string | undefined;
  #lostAt: number | undefined;
  #isResting = false;

  constructor(writable: string | undefined) {
    this.#last = writable;
  }

  primary(
    node: string | undefined,
    now: number,
  ): { readonly gapMs: number | undefined; readonly moved: boolean } {
    // A cluster that rests forgets its nodes, and writes do not wait for one.
    if (this.#isResting) return { gapMs: undefined, moved: false };
    if (node === undefined) {
      this.#lostAt ??= this.#last === undefined ? undefined : now;
      return { gapMs: undefined, moved: false };
    }
    const moved = this.#last !== undefined && this.#last !== node;
    const gapMs = this.#lostAt === undefined ? (moved ? 0 : undefined) : now - this.#lostAt;
    this.#last = node;
    this.#lostAt = undefined;
    return { gapMs, moved };
  }

  rest(): void {
    this.#isResting = true;
    this.#lostAt = undefined;
  }

  wake(): void {
    this.#isResting = false;
  }
}
