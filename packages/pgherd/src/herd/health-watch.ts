import type { Target } from '../model/names.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Demand, Selection } from '../routing/select.ts';
import type { Clock } from '../time/port.ts';
import { type ClusterHealth, type ClusterStatus, type Findings, findingsOf } from './health.ts';

/** The demand for which a cluster that selects no node is down. */
export const ANYTHING: Demand = Object.freeze({ target: 'any' });
/** Targets of clusters that are to be written to. */
const WRITING: ReadonlySet<Target> = new Set(['any', 'read-write', 'primary']);

/** Judges the health of a cluster, and knows since when it has been so. */
export class HealthWatch {
  readonly #clock: Clock;
  readonly #expectsWrites: boolean;
  #status: ClusterStatus | undefined;
  #since = '';

  constructor({ clock, target }: { readonly clock: Clock; readonly target: Target }) {
    this.#clock = clock;
    this.#expectsWrites = WRITING.has(target);
  }

  /** The health on this picture; `readers` are the nodes that suit {@link ANYTHING}. */
  of(topology: TopologyDescription, readers: Selection, isResting = false): ClusterHealth {
    const expectsWrites = this.#expectsWrites;
    return this.dated(findingsOf({ topology, readers, expectsWrites, isResting, concerns: [] }));
  }

  /** The findings of now, dated by the first of an unbroken row with the same status. */
  dated(findings: Findings): ClusterHealth {
    if (findings.status !== this.#status) {
      this.#status = findings.status;
      this.#since = new Date(this.#clock.wallTime()).toISOString();
    }
    return Object.freeze({ ...findings, since: this.#since });
  }
}
