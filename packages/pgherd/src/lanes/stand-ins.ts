import type { Search } from '../call/call.ts';
import type { Clock, Timer } from '../time/port.ts';
import type { Queued } from './ports.ts';

/** How long the first answer of a lane may take before those who wait have another connection opened, milliseconds. */
export const TRIAL_MS = 10;

/** Told to an agent that nobody needs any more. */
export class Dismissed extends Error {}

/** What agents need of those who send them. */
export interface StandInsPorts<S> {
  readonly clock: Clock;
  /** Most of them at one time: as many connections as the pool may open. */
  max(): number;
  /** How many statements wait now. */
  wanted(): number;
  /** Whether no more of them are to be sent out for the moment; it is asked again. */
  hesitates(): boolean;
  /** A connection of the node's pool; `undefined` where another node must be looked for, and `search` says why. */
  lease(search: Search, queued: Queued): Promise<S | undefined>;
  /** A connection came: it is used, or given back. */
  came(session: S): void;
  /** None will come. */
  elsewhere(search: Search): void;
  /** None will ever come. */
  failed(error: unknown): void;
}

interface StandIn {
  leave: ((why: unknown) => void) | undefined;
}

/**
 * Those who stand in the pool's queue for the statements that wait: thousands of statements need no more places there than the
 * pool has connections. A connection that comes is for whoever waits longest then.
 */
export class StandIns<S> {
  readonly #ports: StandInsPorts<S>;
  readonly #standIns = new Set<StandIn>();
  #later: Timer | undefined;

  constructor(ports: StandInsPorts<S>) {
    this.#ports = ports;
  }

  /** How many stand in the pool's queue. */
  get queued(): number {
    let count = 0;
    for (const { leave } of this.#standIns) if (leave !== undefined) count++;
    return count;
  }

  /** Sends as many as are wanted, and calls back those who are not. */
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

/** The statements that wait have deadlines of their own. */
function endless(): Search {
  return { startedAt: 0, deadline: Number.POSITIVE_INFINITY, avoid: new Set(), refusals: new Map() };
}
