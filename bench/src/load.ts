import type { BenchClient } from './client.ts';
import type { ClientKind } from './clients.ts';

/** How every client is loaded. */
export interface LoadOptions {
  /** Calls that are begun per second, whatever becomes of those before. */
  readonly rate: number;
  /** A call that has not settled after this counts as failed, ms. */
  readonly limitMs: number;
  /** The trial ends when no write was acknowledged this long after the promotion, ms. */
  readonly giveUpMs: number;
}

/** What became of a call: `unsettled` is one that the benchmark gave up on. */
export type Outcome = 'acknowledged' | 'failed' | 'unknown' | 'unsettled';

/** One write. Times are epoch milliseconds. */
export interface Call {
  readonly id: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
  /** Port of the server that acknowledged it. */
  readonly port: number | undefined;
  readonly error: string | undefined;
}

/**
 * An open loop: begins calls at an even rate, whatever becomes of those before. A tick that comes late begins
 * all that are due, so that a stalled event loop does not lower the rate.
 */
export class Load {
  readonly calls: Call[] = [];
  readonly #client: BenchClient;
  readonly #kind: ClientKind;
  readonly #options: LoadOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #acknowledged: ((call: Call) => void)[] = [];
  /** When the present stretch of load began, and the calls begun before it. */
  #since = { at: performance.now(), begun: 0 };
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(client: BenchClient, kind: ClientKind, options: LoadOptions) {
    this.#client = client;
    this.#kind = kind;
    this.#options = options;
    this.#tick();
  }

  /**
   * Resolves with the first call that a server acknowledged, from now on or before; `undefined` after
   * `withinMs`.
   */
  firstFrom(port: number, withinMs: number): Promise<Call | undefined> {
    const isIt = (call: Call) => call.port === port;
    const found = this.calls.find(isIt);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), withinMs);
      this.#acknowledged.push((call) => {
        if (!isIt(call)) return;
        clearTimeout(timer);
        resolve(call);
      });
    });
  }

  /** Begins no more for now; resolves when what runs has settled. */
  async pause(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
  }

  /** Goes on after a pause. */
  resume(): void {
    this.#since = { at: performance.now(), begun: this.#begun };
    this.#tick();
  }

  /** Begins no more, and resolves when what runs has settled or reached its limit. */
  stop(): Promise<void> {
    return this.pause();
  }

  #tick(): void {
    const elapsedMs = performance.now() - this.#since.at;
    const due = this.#since.begun + Math.floor((elapsedMs * this.#options.rate) / 1_000);
    while (this.#begun < due) {
      this.#begun++;
      const call = this.#call(this.#begun).finally(() => this.#running.delete(call));
      this.#running.add(call);
    }
    this.#timer = setTimeout(() => this.#tick(), 1_000 / this.#options.rate);
  }

  async #call(id: number): Promise<void> {
    const startedAt = Date.now();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<Settled>((resolve) => {
      timer = setTimeout(() => resolve({ outcome: 'unsettled' }), this.#options.limitMs);
    });
    const settled = await Promise.race([this.#settle(id), limit]);
    clearTimeout(timer);
    const { outcome, port, error } = settled;
    const call: Call = { id, startedAt, endedAt: Date.now(), outcome, port, error };
    this.calls.push(call);
    if (outcome === 'acknowledged') for (const notify of this.#acknowledged) notify(call);
  }

  async #settle(id: number): Promise<Settled> {
    try {
      return { outcome: 'acknowledged', port: await this.#client.write(id) };
    } catch (error) {
      const outcome = this.#kind.leavesOpen(error) ? 'unknown' : 'failed';
      return { outcome, error: error instanceof Error ? error.message : String(error) };
    }
  }
}

interface Settled {
  readonly outcome: Outcome;
  readonly port?: number;
  readonly error?: string;
}
