import type { NodeDescription } from '../model/topology.ts';
import type { Pool } from '../pool/pool.ts';
import type { Clock } from '../time/port.ts';
import { isSuperseded } from '../topology/disposition.ts';

/** What draining needs from the cluster. */
export interface LeavingSettings {
  readonly clock: Clock;
  /** How long running work may go on after its node was removed, milliseconds. */
  readonly drainMs: number;
}

/** The part of a live node that is needed to end it. */
export interface Leaver {
  readonly pool: Pick<Pool<object>, 'redirectWaiters'>;
  /** Ends all connections in order; resolves when the last one is closed. */
  close(reason: string): Promise<void>;
  /** Destroys all connections. */
  terminate(reason: string): void;
  stop(): void;
}

const REMOVED = 'the node was removed';

/**
 * Nodes that were removed from the picture, until their last connection is closed.
 *
 * They are no longer monitored, so the last description of each is kept: once another node has taken its
 * place, the work that still runs there ends at once, as it would if the node had stayed.
 */
export class LeavingNodes<R extends Leaver> {
  readonly #settings: LeavingSettings;
  readonly #last = new Map<R, NodeDescription>();

  constructor(settings: LeavingSettings) {
    this.#settings = settings;
  }

  /** The nodes that still have connections. */
  get nodes(): readonly R[] {
    return this.#last.size === 0 ? NONE : [...this.#last.keys()];
  }

  /**
   * Accepts no new calls; running ones may go on for `drainMs`. Resolves when the last connection is closed.
   */
  async drain(node: R, last: NodeDescription): Promise<void> {
    this.#last.set(node, last);
    node.stop();
    node.pool.redirectWaiters(REMOVED);
    const { clock, drainMs } = this.#settings;
    const timer = clock.schedule(drainMs, () => node.terminate(REMOVED), { ref: false });
    await node.close(REMOVED);
    timer.cancel();
    this.#last.delete(node);
  }

  /** Terminates the nodes that `writable` has superseded. */
  succeededBy(writable: NodeDescription): void {
    for (const [node, last] of this.#last) {
      if (isSuperseded(last, writable)) node.terminate(`${writable.name} took its place`);
    }
  }
}

const NONE: readonly never[] = Object.freeze([]);
