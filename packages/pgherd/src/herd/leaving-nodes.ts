import type { NodeDescription } from '../model/topology.ts';
import type { Pool } from '../pool/pool.ts';
import type { Clock } from '../time/port.ts';
import { isSuperseded } from '../topology/disposition.ts';

/** What draining needs from the cluster. */
export interface LeavingSettings {
  readonly clock: Clock;
  /** How long what runs on a node may go on after the node was removed, milliseconds. */
  readonly drainMs: number;
}

/** The live side of a node, as far as its end is concerned. */
export interface Leaver {
  readonly pool: Pick<Pool<object>, 'close' | 'redirectWaiters' | 'terminate'>;
  stop(): void;
}

/**
 * Nodes that were removed from the picture, until their last connection is closed.
 *
 * Nobody watches them any more, so that what was last known of each is kept: once another node has taken its place, what
 * still runs there ends at once, as it would if the node had stayed.
 */
export class LeavingNodes<R extends Leaver> {
  readonly #settings: LeavingSettings;
  readonly #last = new Map<R, NodeDescription>();

  constructor(settings: LeavingSettings) {
    this.#settings = settings;
  }

  /** Those that still have connections. */
  get nodes(): readonly R[] {
    return this.#last.size === 0 ? NONE : [...this.#last.keys()];
  }

  /** No new calls; those that run may end, until `drainMs` is over. */
  async drain(node: R, last: NodeDescription): Promise<void> {
    this.#last.set(node, last);
    node.stop();
    node.pool.redirectWaiters('the node was removed');
    const { clock, drainMs } = this.#settings;
    const timer = clock.schedule(drainMs, () => node.pool.terminate(), { ref: false });
    await node.pool.close();
    timer.cancel();
    this.#last.delete(node);
  }

  /** `writable` is the primary now. */
  succeededBy(writable: NodeDescription): void {
    for (const [node, last] of this.#last) {
      if (isSuperseded(last, writable)) node.pool.terminate();
    }
  }
}

const NONE: readonly never[] = Object.freeze([]);
