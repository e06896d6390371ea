import type { TopologyDescription } from '../model/topology.ts';
import { comesBack, shareAfter } from '../routing/slow-start.ts';
import type { Clock, Random } from '../time/port.ts';
import { findNode } from '../topology/topology.ts';

/** What the share of returning nodes depends on. */
export interface ReturningSettings {
  readonly clock: Clock;
  readonly random: Random;
  /** 0: they have their full share at once. */
  readonly slowStartMs: number;
}

/** Nodes that came back a short while ago and take their share of the reads gradually. */
export class ReturningNodes {
  readonly #settings: ReturningSettings;
  readonly #since = new Map<string, number>();

  constructor(settings: ReturningSettings) {
    this.#settings = settings;
  }

  /** Whether there are any. It is asked for each choice. */
  get any(): boolean {
    return this.#since.size > 0;
  }

  /** One picture replaced another. At the start no node comes back. */
  follow(before: TopologyDescription, after: TopologyDescription): void {
    if (this.#settings.slowStartMs === 0 || before.nodes === after.nodes) return;
    for (const node of after.nodes) {
      const old = findNode(before, node.name);
      if (old === node) continue;
      if (before.writesOpen && comesBack(old, node)) this.note(node.name);
      else if (node.health !== 'ok') this.#since.delete(node.name);
    }
    for (const name of this.#since.keys()) if (findNode(after, name) === undefined) this.#since.delete(name);
  }

  /** The node has come back just now. */
  note(node: string): void {
    if (this.#settings.slowStartMs > 0) this.#since.set(node, this.#settings.clock.now());
  }

  /** Whether a call that was given to this node stays there, by chance. */
  keeps(node: string): boolean {
    const since = this.#since.get(node);
    if (since === undefined) return true;
    const { clock, random, slowStartMs } = this.#settings;
    const share = shareAfter(clock.now() - since, slowStartMs);
    if (share < 1) return random.next() < share;
    this.#since.delete(node);
    return true;
  }
}
