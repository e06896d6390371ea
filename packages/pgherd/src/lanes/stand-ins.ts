import type { Search } from '../call/call.ts';
import type { Clock, Timer } from '../time/port.ts';
import { TRIAL_MS } from './plan.ts';
import type { Queued } from './ports.ts';

/** Removes a stand-in from the pool's queue when it is no longer needed. */
export class Dismissed extends Error {}

/** What stand-ins need from the lanes. */
export interface StandInsPorts<S> {
  readonly clock: Clock;
  /** Most stand-ins at a time: the number of connections that the pool may open. */
  max(): number;
  /** Number of statements that wait. */
  wanted(): number;
  /** Whether no more of them are to be added yet; asked again after {@link TRIAL_MS}. */
  hesitates(): boolean;
  /** A connection of the node's pool; `undefined` if another node must be found, and `search` says why. */
  lease(search: Search, queued: Queued): Promise<S | undefined>;
  /** A connection is available: it is used, or released. */
  came(session: S): void;
  /** The node has no connection to give: the statements look for another node. */
  elsewhere(search: Search): void;
  /** No connection can be had at all. */
  failed(error: unknown): void;
}

interface StandIn {
  leave: ((why: unknown) => void) | undefined;
}

/**
 * Placeholders in the pool's queue for waiting statements: at most one per connection of the pool. A
 * connection that becomes available goes to the statement that has waited longest at that time.
 */
export class StandIns<S> {
  readonly #ports: StandInsPorts<S>;
  readonly #standIns = new Set<StandIn>();
  #later: Timer | undefined;

  constructor(ports: StandInsPorts<S>) {
    this.#ports = ports;
  }

  /** Number of stand-ins in the pool's queue. */
  get queued(): number {
    let count = 0;
    for (const { leave } of this.#standIns) if (leave !== undefined) count++;
    return count;
  }

  /** Adds or removes stand-ins until there are as many as are wanted. */
  adjust(): void {
    const { max, wanted, hesitates } = this.#ports;
    const goal = Math.min(wanted(), max());
    if (this.#standIns.size < goal && hesitates()) this.#adjustLater();
    else while (this.#standIns.size < goal) this.#send();
    if (this.#standIns.size > goal) this.#dismiss(this.#standIns.size - goal);
  }

  #adjustLater(): void {
    if (this.#later !== undefined) return;
    const again = () => {
      this.#later = undefined;
      this.adjust();
    };
    this.#later = this.#ports.clock.schedule(TRIAL_MS, again, { ref: false });
  }

  #dismiss(count: number): void {
    let left = count;
    for (const standIn of [...this.#standIns].reverse()) {
      if (left-- === 0) return;
      this.#standIns.delete(standIn);
      standIn.leave?.(DISMISSED);
    }
  }

  #send(): void {
    const standIn: StandIn = { leave: undefined };
    this.#standIns.add(standIn);
    void this.#wait(standIn);
  }

  async #wait(standIn: StandIn): Promise<void> {
    const search = endless();
    try {
      const session = await this.#ports.lease(search, (leave) => {
        standIn.leave = leave;
      });
      const isWanted = this.#standIns.delete(standIn);
      if (session !== undefined) this.#ports.came(session);
      else if (isWanted) this.#ports.elsewhere(search);
    } catch (error) {
      if (this.#standIns.delete(standIn)) this.#ports.failed(error);
    }
    this.adjust();
  }
}

const DISMISSED = new Dismissed();

/** Without limits: each waiting statement has its own deadline. */
function endless(): Search {
  return { startedAt: 0, deadline: Number.POSITIVE_INFINITY, avoid: new Set(), refusals: new Map() };
}
