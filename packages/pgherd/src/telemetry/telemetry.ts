import type { Cluster } from '../cluster/cluster.ts';
import type { Off } from '../observe/emitter.ts';
import type { Clusters } from './clusters.ts';
import { observeChannels, observeEvents, type Sink } from './facts.ts';
import type { Spans } from './spans.ts';
import { type Report, Subscriptions } from './subscriptions.ts';

/** The clusters that are reported, by the names that reports give them. */
export type ReportedClusters = Readonly<Record<string, Cluster>>;

/** What reports to a telemetry system, until it is disabled. */
export interface Telemetry {
  /**
   * Reports the nodes, pools and events of one more cluster under a name; returns what ends that, and takes the cluster's series out of a
   * registry of `prom-client`. Once it is closed, another one can be added under its name. Statements are reported of all clusters of the
   * process.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no cluster, and for a name or a cluster that is reported already.
   */
  add(name: string, cluster: Cluster): Off;
  /** Ends all reports; harmless when called again. */
  disable(): void;
}

/** What a telemetry system gets. */
export interface Reports {
  readonly clusters: Clusters;
  readonly sink?: Sink | undefined;
  readonly spans?: Spans | undefined;
  readonly report: Report;
  /** Ends what the system itself has been asked to do. */
  readonly ended: () => void;
}

/** Begins to report. */
export function reporting(
  { clusters, sink, spans, report, ended }: Reports,
  given: ReportedClusters,
): Telemetry {
  const subscriptions = new Subscriptions(report);
  const safe = sink === undefined ? undefined : safeSink(sink, subscriptions);
  let isDisabled = false;
  const added = new Set<Off>();
  subscriptions.add(() => {
    for (const off of [...added]) off();
  });
  const add = (name: string, cluster: Cluster): Off => {
    const remove = clusters.add(name, cluster);
    const offs: Off[] = [];
    if (safe !== undefined) offs.push(observeEvents(name, cluster, safe));
    if (spans !== undefined) offs.push(spans.observe(cluster));
    let isOver = false;
    const off = (): void => {
      if (isOver) return;
      isOver = true;
      end();
      remove();
      if (!clusters.has(name)) safe?.forget(name);
    };
    const end = (): void => {
      added.delete(off);
      for (const one of offs.splice(0)) one();
    };
    offs.push(
      cluster.on('cluster:closed', () => {
        clusters.closed(cluster);
        end();
      }),
    );
    added.add(off);
    return off;
  };
  const disable = () => {
    if (isDisabled) return;
    isDisabled = true;
    subscriptions.end();
    ended();
  };
  try {
    for (const [name, cluster] of Object.entries(given)) add(name, cluster);
  } catch (error) {
    disable();
    throw error;
  }
  if (sink !== undefined) observeChannels(subscriptions, clusters, sink);
  spans?.subscribe(subscriptions);
  return { add, disable };
}

/** The sink for the events of clusters, in whose listeners nothing may throw. */
function safeSink(sink: Sink, subscriptions: Subscriptions): Sink {
  return {
    record: (...args) => subscriptions.attempt(() => sink.record(...args)),
    begin: (...args) => subscriptions.attempt(() => sink.begin(...args)),
    called: (message) => subscriptions.attempt(() => sink.called(message)),
    forget: (cluster) => subscriptions.attempt(() => sink.forget(cluster)),
  };
}
