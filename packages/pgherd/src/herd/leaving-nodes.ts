import type { NodeDescription } from '../model/topology.ts';
import type { Pool } from '../pool/pool.ts';
import type { Clock, Timer } from '../time/port.ts';
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

interface Leaving {
  /** As the node was described last. */
  readonly description: NodeDescription;
  /** The node that is the same server under another name. */
  readonly successor: string | undefined;
  /** Ends it when `drainMs` is over. */
  timer: Timer | undefined;
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
  readonly #last = new Map<R, Leaving>();

  constructor(settings: LeavingSettings) {
    this.#settings = settings;
  }

  /** The nodes that still have connections. */
  get nodes(): readonly R[] {
    return this.#last.size === 0 ? NONE : [...this.#last.keys()];
  }

  /**
   * Accepts no new calls; running ones may go on for `drainMs`, or to their end if the server stays in the list under the name of
   * `successor`. Resolves when the last connection is closed.
   */
  async drain(node: R, description: NodeDescription, successor?: string): Promise<void> {
    const leaving: Leaving = { description, successor, timer: undefined };
    for (const before of this.succeededAs(description.name)) this.#limit(before);
    this.#last.set(node, leaving);
    node.stop();
    node.pool.redirectWaiters(REMOVED);
    if (successor === undefined) this.#limit(node);
    await node.close(REMOVED);
    leaving.timer?.cancel();
    this.#last.delete(node);
  }

  #limit(node: R): void {
    const { clock, drainMs } = this.#settings;
    const leaving = this.#last.get(node);
    if (leaving !== undefined)
      leaving.timer ??= clock.schedule(drainMs, () => node.terminate(REMOVED), { ref: false });
  }

  /** The nodes that are in the list as `successor` now: what becomes of its connections becomes of theirs. */
  succeededAs(successor: string): readonly R[] {
    if (this.#last.size === 0) return NONE;
    return [...this.#last].flatMap(([node, last]) => (last.successor === successor ? [node] : []));
  }

  /** Terminates the nodes that `writable` has superseded. */
  succeededBy(writable: NodeDescription): void {
    for (const [node, { description }] of this.#last) {
      if (isSuperseded(description, writable)) node.terminate(`${writable.name} took its place`);
    }
  }
}

const NONE: readonly never[] = Object.freeze([]);
