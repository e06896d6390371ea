import type { Target } from '../model/names.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { Demand, Selection } from '../routing/select.ts';
import type { Clock } from '../time/port.ts';
import { isAccountedFor } from '../topology/rest.ts';
import { type ClusterHealth, type ClusterStatus, type Findings, findingsOf } from './health.ts';

/** The demand for which a cluster that selects no node is down. */
export const ANYTHING: Demand = Object.freeze({ target: 'any' });
/** Targets of clusters that are to be written to. */
const WRITING: ReadonlySet<Target> = new Set(['any', 'read-write', 'primary']);

/** What health depends on besides the picture. */
export interface HealthSettings {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly target: Target;
}

/** Whether a cluster rests, and when it last began again, milliseconds of the clock. */
export interface Resting {
  readonly isResting: boolean;
  readonly wokenAt: number;
}

/** Judges the health of a cluster, and knows since when it has been so. */
export class HealthWatch {
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #expectsWrites: boolean;
  #status: ClusterStatus | undefined;
  #since = '';

  constructor({ clock, connectTimeoutMs, target }: HealthSettings) {
    this.#clock = clock;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#expectsWrites = WRITING.has(target);
  }

  /** The health on this picture; `readers` are the nodes that suit {@link ANYTHING}. */
  of(
    topology: TopologyDescription,
    readers: Selection,
    rest: Resting,
    concerns: readonly string[] = [],
  ): ClusterHealth {
    const expectsWrites = this.#expectsWrites;
    const isResting = rest.isResting || this.#isWaking(topology, readers, rest.wokenAt);
    return this.dated(findingsOf({ topology, readers, expectsWrites, isResting, concerns }));
  }

  /** Whether the nodes have not had the time to answer since the end of a rest: nothing speaks against them yet. */
  #isWaking({ nodes, writesOpen }: TopologyDescription, { tiers }: Selection, wokenAt: number): boolean {
    if (this.#clock.now() - wokenAt >= this.#connectTimeoutMs) return false;
    return !writesOpen || (tiers.length === 0 && !nodes.every(isAccountedFor));
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
