import type { QueryMessage, TracedCluster } from '../channels/channels.ts';
import { ByText } from '../sql/memo.ts';
import type { Clusters } from './clusters.ts';

/** Records the durations of calls that have all labels in common. */
export interface CallRecorder {
  record(seconds: number): void;
}

type ByNode = Map<string | undefined, CallRecorder>;

/** Finds what records a call. Most calls are like earlier ones: then nothing is made for them. */
export class CallRecorders {
  readonly #clusters: Clusters;
  readonly #keyOf: (message: QueryMessage) => string;
  readonly #make: (message: QueryMessage, cluster: string) => CallRecorder;
  readonly #known = new Map<TracedCluster, ByText<ByNode>>();
  #changes = 0;

  /** Calls of one cluster on one node that succeed have a recorder in common if `keyOf` returns the same for them. */
  constructor(
    clusters: Clusters,
    keyOf: (message: QueryMessage) => string,
    make: (message: QueryMessage, cluster: string) => CallRecorder,
  ) {
    this.#clusters = clusters;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  called(message: QueryMessage): void {
    this.#of(message).record((message.durationMs ?? 0) / 1_000);
  }

  #of(message: QueryMessage): CallRecorder {
    const { cluster, node } = message;
    if (message.error !== undefined) return this.#make(message, this.#clusters.nameOf(cluster));
    if (this.#changes !== this.#clusters.changes) this.#forget();
    let ofCluster = this.#known.get(cluster);
    if (ofCluster === undefined) {
      if (this.#known.size >= MOST_CLUSTERS) this.#known.clear();
      ofCluster = new ByText<ByNode>(() => new Map());
      this.#known.set(cluster, ofCluster);
    }
    const byNode = ofCluster.of(this.#keyOf(message));
    let recorder = byNode.get(node);
    if (recorder === undefined) {
      if (byNode.size >= MOST_NODES) byNode.clear();
      recorder = this.#make(message, this.#clusters.nameOf(cluster));
      byNode.set(node, recorder);
    }
    return recorder;
  }

  /** The names of clusters have changed. */
  #forget(): void {
    this.#changes = this.#clusters.changes;
    this.#known.clear();
  }
}

/** Clusters and nodes come and go: so many are remembered. */
const MOST_CLUSTERS = 100;
const MOST_NODES = 100;
