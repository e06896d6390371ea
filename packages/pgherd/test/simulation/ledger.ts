import type { Trace } from './trace.ts';

/** Who executes writes. */
export interface Executor {
  readonly name: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
}

/** One time that a write was handed to a connection. */
export interface Sending {
  readonly at: number;
  readonly server: string;
  readonly timeline: number;
}

/** One time that a write became permanent on a server of its own accord, not by replication. */
export interface Execution {
  readonly at: number;
  readonly server: string;
  readonly systemIdentifier: string;
  readonly timeline: number;
}

/** All that is known of one write. */
export interface LedgerEntry {
  readonly id: string;
  readonly idempotent: boolean;
  readonly sent: Sending[];
  readonly executed: Execution[];
  /** When the client was told that it is done. */
  acknowledgedAt: number | undefined;
}

/** Every write, where it was sent, where it was executed, and what the client was told. */
export class Ledger {
  readonly entries = new Map<string, LedgerEntry>();
  readonly #now: () => number;
  readonly #trace: Trace;

  constructor(now: () => number, trace: Trace) {
    this.#now = now;
    this.#trace = trace;
  }

  open(id: string, idempotent: boolean): LedgerEntry {
    const entry: LedgerEntry = { id, idempotent, sent: [], executed: [], acknowledgedAt: undefined };
    this.entries.set(id, entry);
    return entry;
  }

  sent(id: string, server: Executor): void {
    const { name, timeline } = server;
    this.entries.get(id)?.sent.push({ at: this.#now(), server: name, timeline });
  }

  executed(ids: readonly string[], server: Executor): void {
    const { name, timeline, systemIdentifier } = server;
    for (const id of ids) {
      this.#trace.note(`${name} executes write ${id} on timeline ${timeline}`);
      this.entries.get(id)?.executed.push({ at: this.#now(), server: name, timeline, systemIdentifier });
    }
  }

  acknowledged(id: string): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) entry.acknowledgedAt = this.#now();
  }
}
