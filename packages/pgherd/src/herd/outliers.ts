import {
  type EjectionChange,
  type EjectionRecords,
  type EjectionSettings,
  ejectedNodes,
  judge,
  type NodeSample,
} from '../routing/ejection.ts';
import type { Clock, Timer } from '../time/port.ts';

/** Time between two looks, milliseconds. */
const LOOK_MS = 1_000;

/** A node as {@link Outliers} see it. */
export interface OutlierNode {
  readonly name: string;
  /** Statements that it has answered. */
  readonly answered: number;
  readonly load: { readonly ewmaMs: number | undefined };
}

/** What {@link Outliers} need. */
export interface OutlierPorts {
  readonly clock: Clock;
  nodes(): Iterable<OutlierNode>;
  /** These nodes are ejected from now on, for these reasons. */
  apply(ejected: ReadonlyMap<string, string>): void;
  changed(change: EjectionChange): void;
}

/** As of the options; `undefined` if no node is to be ejected. */
export function outliersOf(
  { clock, eject }: { readonly clock: Clock; readonly eject: EjectionSettings | undefined },
  ports: Omit<OutlierPorts, 'clock'>,
): Outliers | undefined {
  return eject === undefined ? undefined : new Outliers(eject, { ...ports, clock });
}

/** Looks regularly whether a node stands out by its failures or its slowness. */
export class Outliers {
  readonly #ports: OutlierPorts;
  readonly #settings: EjectionSettings;
  readonly #failed = new Map<string, number>();
  #answered: ReadonlyMap<string, number> = new Map();
  #records: EjectionRecords = new Map();
  #timer: Timer | undefined;

  constructor(settings: EjectionSettings, ports: OutlierPorts) {
    this.#settings = settings;
    this.#ports = ports;
  }

  start(): void {
    this.#timer = this.#ports.clock.schedule(LOOK_MS, () => this.#look(), { ref: false });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Something failed for which the node is the cause. */
  noteFailure(node: string): void {
    this.#failed.set(node, (this.#failed.get(node) ?? 0) + 1);
  }

  #look(): void {
    this.start();
    const { records, changes } = judge(
      this.#records,
      this.#samples(),
      this.#ports.clock.now(),
      this.#settings,
    );
    this.#records = records;
    if (changes.length === 0) return;
    this.#ports.apply(ejectedNodes(records));
    for (const change of changes) this.#ports.changed(change);
  }

  /** What each node did since the last look. */
  #samples(): NodeSample[] {
    const answered = new Map<string, number>();
    const samples: NodeSample[] = [];
    for (const { name: node, answered: total, load } of this.#ports.nodes()) {
      answered.set(node, total);
      const recent = total - (this.#answered.get(node) ?? total);
      samples.push({ node, answered: recent, failed: this.#failed.get(node) ?? 0, ewmaMs: load.ewmaMs });
    }
    this.#answered = answered;
    this.#failed.clear();
    return samples;
  }
}
