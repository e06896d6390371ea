import type { Search } from '../call/call.ts';
import type { Session } from '../node/session.ts';
import type { Clock, Timer } from '../time/port.ts';

/** How long the first answer of a lane may take before those who wait have another connection opened, milliseconds. */
export const TRIAL_MS = 10;

/** Told to an agent that nobody needs any more. */
export class Dismissed extends Error {}

/** What agents need of those who send them. */
export interface AgentsPorts<C> {
  readonly clock: Clock;
  /** Most of them at one time: as many connections as the pool may open. */
  max(): number;
  /** How many statements wait now. */
  wanted(): number;
  /** Whether no more of them are to be sent out for the moment; it is asked again. */
  hesitates(): boolean;
  /** A connection of the node's pool; `undefined` where another node must be looked for, and `search` says why. */
  lease(search: Search, queued: (leave: (why: unknown) => void) => void): Promise<Session<C> | undefined>;
  /** A connection came: it is used, or given back. */
  came(session: Session<C>): void;
  /** None will come. */
  elsewhere(search: Search): void;
  /** None will ever come. */
  failed(error: unknown): void;
}

interface Agent {
  leave: ((why: unknown) => void) | undefined;
}

/**
 * Those who stand in the pool's queue for the statements that wait: thousands of statements need no more places there than the
 * pool has connections. A connection that comes is for whoever waits longest then.
 */
export class Agents<C> {
  readonly #ports: AgentsPorts<C>;
  readonly #agents = new Set<Agent>();
  #later: Timer | undefined;

  constructor(ports: AgentsPorts<C>) {
    this.#ports = ports;
  }

  /** How many stand in the pool's queue. */
  get queued(): number {
    let count = 0;
    for (const { leave } of this.#agents) if (leave !== undefined) count++;
    return count;
  }

  /** Sends as many as are wanted, and calls back those who are not. */
  adjust(): void {
    const { max, wanted, hesitates } = this.#ports;
    const goal = Math.min(wanted(), max());
    if (this.#agents.size < goal && hesitates()) this.#adjustLater();
    else while (this.#agents.size < goal) this.#send();
    if (this.#agents.size > goal) this.#dismiss(this.#agents.size - goal);
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
    for (const agent of [...this.#agents].reverse()) {
      if (left-- === 0) return;
      this.#agents.delete(agent);
      agent.leave?.(DISMISSED);
    }
  }

  #send(): void {
    const agent: Agent = { leave: undefined };
    this.#agents.add(agent);
    void this.#wait(agent);
  }

  async #wait(agent: Agent): Promise<void> {
    const search = endless();
    try {
      const session = await this.#ports.lease(search, (leave) => {
        agent.leave = leave;
      });
      const isWanted = this.#agents.delete(agent);
      if (session !== undefined) this.#ports.came(session);
      else if (isWanted) this.#ports.elsewhere(search);
    } catch (error) {
      if (this.#agents.delete(agent)) this.#ports.failed(error);
    }
    this.adjust();
  }
}

const DISMISSED = new Dismissed();

/** The statements that wait have deadlines of their own. */
function endless(): Search {
  return { startedAt: 0, deadline: Number.POSITIVE_INFINITY, avoid: new Set(), refusals: new Map() };
}
