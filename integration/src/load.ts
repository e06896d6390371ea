import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { codeOf, grouped } from './support.ts';

/** One write of the load, from its call to its end. */
export interface Write {
  readonly id: number;
  readonly startedAt: number;
  outcome: 'pending' | 'acknowledged' | 'unknown' | 'failed';
  node: string | undefined;
  error: unknown;
}

/** One read of the load that ended. */
export interface Read {
  readonly startedAt: number;
  readonly tookMs: number;
  readonly node: string | undefined;
  readonly error: unknown;
}

/** Milliseconds between two rounds of one write and one read: 200 calls a second. */
const ROUND_MS = 10;
/** No call begins while so many wait for their end: a machine that cannot keep the pace must not be buried in calls. */
const MOST_WAITING = 200;

/**
 * Calls at a steady rate, whatever becomes of them: each round writes a row with the next number, and reads. It keeps the
 * books: which write was acknowledged, which is unknown, which failed.
 */
export class Load {
  readonly writes: Write[] = [];
  readonly reads: Read[] = [];
  /** The number of the first write. */
  readonly firstId: number;
  readonly #db: Cluster;
  readonly #table: string;
  readonly #reads: boolean;
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #behind = performance.now();
  #startedAt = performance.now();

  /** `reads: false` leaves the reads out. */
  constructor(db: Cluster, table: string, firstId: number, options: { readonly reads?: boolean } = {}) {
    this.#db = db;
    this.#table = table;
    this.firstId = firstId;
    this.#reads = options.reads ?? true;
  }

  start(): this {
    this.#startedAt = performance.now();
    this.#behind = this.#startedAt;
    this.#timer = setInterval(() => {
      // A late timer makes up for the rounds it missed.
      for (; this.#behind <= performance.now(); this.#behind += ROUND_MS) this.#round();
    }, ROUND_MS);
    return this;
  }

  /** Ends the calls and waits until every one of them has settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  /** Waits until every call that runs now has ended, while others go on to begin. */
  async settled(): Promise<void> {
    const now = [...this.#running];
    const open = () => now.filter((one) => this.#running.has(one)).length;
    await waitUntil(() => open() === 0, { what: 'the calls that ran to end' });
  }

  /** Waits until `count` writes that begin from now on are acknowledged. */
  async acknowledged(count = 30): Promise<void> {
    const from = this.writes.length;
    const done = () =>
      this.writes.slice(from).filter((one) => one.outcome === 'acknowledged').length >= count;
    await waitUntil(done, { what: `${count} more acknowledged writes` });
  }

  /** Waits until `count` reads that begin from now on were served by `node`, or by anybody. */
  async served(count = 30, node?: string): Promise<void> {
    const from = performance.now();
    const done = () =>
      this.reads.filter((one) => one.startedAt >= from && (node === undefined || one.node === node)).length >=
      count;
    await waitUntil(done, { what: `${count} more reads of ${node ?? 'anybody'}` });
  }

  idsOf(outcome: Write['outcome']): Set<number> {
    return new Set(this.writes.filter((one) => one.outcome === outcome).map((one) => one.id));
  }

  /** How many calls failed for another reason than an unknown outcome. */
  get failedCalls(): number {
    return this.#failedReads.length + this.writes.filter((one) => one.outcome === 'failed').length;
  }

  /** Codes and messages of what failed, for an assertion that shows them; what is alike is told once. */
  get failedReads(): unknown[] {
    return grouped(this.#failedReads.map((one) => described(one.error)));
  }

  get unknownWrites(): unknown[] {
    const unknown = this.writes.filter((one) => one.outcome === 'unknown');
    return unknown.map(({ id, startedAt, error }) => {
      const cause = error instanceof Error ? error.cause : undefined;
      return `${id} after ${Math.round(startedAt - this.#startedAt)} ms: ${described(cause ?? error)}`;
    });
  }

  get failedWrites(): unknown[] {
    return grouped(this.writes.filter((one) => one.outcome === 'failed').map((one) => described(one.error)));
  }

  get #failedReads(): Read[] {
    return this.reads.filter((one) => one.error !== undefined);
  }

  #round(): void {
    if (this.#running.size >= MOST_WAITING) return;
    this.#track(this.#write());
    if (this.#reads) this.#track(this.#read());
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #write(): Promise<void> {
    const id = this.firstId + this.writes.length;
    const write: Write = {
      id,
      startedAt: performance.now(),
      outcome: 'pending',
      node: undefined,
      error: undefined,
    };
    this.writes.push(write);
    try {
      write.node = (await this.#db.query(`insert into ${this.#table} values ($1)`, [id])).node;
      write.outcome = 'acknowledged';
    } catch (error) {
      write.error = error;
      write.outcome = codeOf(error) === 'PGHERD_OUTCOME_UNKNOWN' ? 'unknown' : 'failed';
    }
  }

  async #read(): Promise<void> {
    const startedAt = performance.now();
    let node: string | undefined;
    let failure: unknown;
    try {
      ({ node } = await this.#db.read.query(`select count(*) from ${this.#table} where id = $1`, [1]));
    } catch (error) {
      failure = error;
    }
    this.reads.push({ startedAt, tookMs: performance.now() - startedAt, node, error: failure });
  }
}

/** Scenarios under load on one table, one after the other: each begins with the number behind the last one's. */
export class LoadSeries {
  readonly #table: string;
  #nextId = 1;

  constructor(table: string) {
    this.#table = table;
  }

  /** The next number, for a write that a test makes by itself. */
  next(): number {
    return this.#nextId++;
  }

  /** Runs `scenario` while calls go on, and resolves once every one of them has settled. */
  async run(db: Cluster, scenario: (load: Load) => Promise<void>): Promise<Load> {
    const load = new Load(db, this.#table, this.#nextId);
    try {
      load.start();
      await load.acknowledged();
      await scenario(load);
    } finally {
      await load.stop();
      this.#nextId += load.writes.length;
    }
    return load;
  }
}

function described(error: unknown): string {
  return `${String(codeOf(error))}: ${String(error)}`;
}
