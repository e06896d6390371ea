import { TestClusterError } from '../errors.ts';
import { assertKnown } from '../unknown-options.ts';
import { waitUntil } from '../wait.ts';
import type { WriteBooks } from './books.ts';

/** One write of the load, from its call to its end. */
export interface LoadWrite {
  readonly id: number;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  /** When it ended; `undefined` while it runs. */
  endedAt: number | undefined;
  outcome: 'pending' | 'acknowledged' | 'unknown' | 'failed';
  /** The `node` of the answer, if it has one. */
  node: string | undefined;
  error: unknown;
}

/** One read of the load that ended. */
export interface LoadRead {
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly tookMs: number;
  /** The `node` of the answer, if it has one. */
  readonly node: string | undefined;
  readonly error: unknown;
}

/** What a load does, and how often. */
export interface LoadOptions {
  /** Stores this number; resolves when the write is acknowledged. */
  write(id: number): Promise<unknown>;
  /** Reads something. Default: there are no reads. */
  read?(): Promise<unknown>;
  /** Time between two rounds of one write and one read, milliseconds. Default 10. */
  readonly everyMs?: number | undefined;
  /** No call begins while so many wait for their end: a machine that cannot keep the pace must not be buried in calls. Default 200. */
  readonly maxWaiting?: number | undefined;
  /** Number of the first write. Default 1. */
  readonly firstId?: number | undefined;
  /**
   * Whether a write that failed with this error may have been done all the same. Default: an error whose `code` is
   * `PGHERD_OUTCOME_UNKNOWN`. A client that does not tell such errors apart needs `() => true`.
   */
  isUnknown?(error: unknown): boolean;
}

/** Every name. The compiler demands that none is missing. */
const NAMES: Readonly<Record<keyof LoadOptions, true>> = Object.freeze({
  write: true,
  read: true,
  everyMs: true,
  maxWaiting: true,
  firstId: true,
  isUnknown: true,
});

/**
 * Calls at a steady rate, whatever becomes of them: each round stores the next number, and reads. The load keeps the books: which write
 * was acknowledged, which is unknown, which failed. Made by {@link startLoad}; `await using` stops it at the end of its scope.
 */
export class Load implements AsyncDisposable {
  readonly writes: LoadWrite[] = [];
  readonly reads: LoadRead[] = [];
  /** The number of the first write. */
  readonly firstId: number;
  readonly #options: LoadOptions;
  readonly #everyMs: number;
  readonly #running = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #behind = this.#startedAt;

  /** @internal */
  constructor(options: LoadOptions) {
    this.#options = options;
    this.firstId = options.firstId ?? 1;
    this.#everyMs = options.everyMs ?? 10;
    this.#timer = setInterval(() => {
      // A late timer makes up for the rounds it missed.
      for (; this.#behind <= performance.now(); this.#behind += this.#everyMs) this.#round();
    }, this.#everyMs);
  }

  /** Ends the calls and waits until every one of them has settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Waits until every call that runs now has ended, while others go on to begin. */
  async settled(): Promise<void> {
    const now = [...this.#running];
    const open = () => now.filter((one) => this.#running.has(one)).length;
    await waitUntil(() => open() === 0, { what: 'the calls that ran to end' });
  }

  /**
   * Waits until `count` (default 30) writes that begin from now on are acknowledged.
   *
   * @throws {@link TestClusterError} after 60 s, with what the writes failed with.
   */
  async acknowledged(count = 30): Promise<void> {
    const from = this.writes.length;
    const done = () =>
      this.writes.slice(from).filter((one) => one.outcome === 'acknowledged').length >= count;
    await this.#progress(done, `${count} more acknowledged writes`);
  }

  /**
   * Waits until `count` (default 30) reads that begin from now on have ended, on `node` or on any.
   *
   * @throws {@link TestClusterError} after 60 s, with what the reads failed with.
   */
  async served(count = 30, node?: string): Promise<void> {
    const from = performance.now();
    const fits = (one: LoadRead) => one.startedAt >= from && (node === undefined || one.node === node);
    const done = () => this.reads.filter(fits).length >= count;
    await this.#progress(done, `${count} more reads of ${node ?? 'any node'}`);
  }

  async #progress(done: () => boolean, what: string): Promise<void> {
    try {
      await waitUntil(done, { what });
    } catch (error) {
      const failed = [...this.failedWrites, ...this.unknownWrites, ...this.failedReads];
      if (failed.length === 0 || !(error instanceof TestClusterError)) throw error;
      throw new TestClusterError(`${error.message} Calls that failed: ${failed.slice(-5).join('; ')}.`);
    }
  }

  /** What the callers know about their writes, for `disagreements`. */
  get books(): WriteBooks {
    return { acknowledged: this.idsOf('acknowledged'), unknown: this.idsOf('unknown') };
  }

  /** The numbers of the writes that ended in this way. */
  idsOf(outcome: LoadWrite['outcome']): Set<number> {
    return new Set(this.writes.filter((one) => one.outcome === outcome).map((one) => one.id));
  }

  /** Longest time without the end of an acknowledged write, milliseconds. */
  get longestGapMs(): number {
    const ends = this.writes
      .flatMap(({ outcome, endedAt }) => (outcome === 'acknowledged' ? (endedAt ?? []) : []))
      .sort((a, b) => a - b);
    return ends.reduce((longest, at, index) => Math.max(longest, at - (ends[index - 1] ?? at)), 0);
  }

  /** How many calls failed for another reason than an unknown outcome. */
  get failedCalls(): number {
    return this.#failedReads.length + this.writes.filter((one) => one.outcome === 'failed').length;
  }

  /** Codes and messages of the reads that failed, for an assertion that shows them; those that are alike stand in one sentence. */
  get failedReads(): string[] {
    return grouped(this.#failedReads.map((one) => described(one.error)));
  }

  /** The same of the writes whose outcome is unknown. */
  get unknownWrites(): string[] {
    const unknown = this.writes.filter((one) => one.outcome === 'unknown');
    return unknown.map(({ id, startedAt, error }) => {
      const cause = error instanceof Error ? error.cause : undefined;
      return `${id} after ${Math.round(startedAt - this.#startedAt)} ms: ${described(cause ?? error)}`;
    });
  }

  /** The same of the writes that failed. */
  get failedWrites(): string[] {
    return grouped(this.writes.filter((one) => one.outcome === 'failed').map((one) => described(one.error)));
  }

  get #failedReads(): LoadRead[] {
    return this.reads.filter((one) => one.error !== undefined);
  }

  #round(): void {
    if (this.#running.size >= (this.#options.maxWaiting ?? 200)) return;
    this.#track(this.#write());
    if (this.#options.read !== undefined) this.#track(this.#read());
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #write(): Promise<void> {
    const id = this.firstId + this.writes.length;
    const startedAt = performance.now();
    const write: LoadWrite = {
      id,
      startedAt,
      endedAt: undefined,
      outcome: 'pending',
      node: undefined,
      error: undefined,
    };
    this.writes.push(write);
    try {
      write.node = nodeOf(await this.#options.write(id));
      write.outcome = 'acknowledged';
    } catch (error) {
      write.error = error;
      write.outcome = (this.#options.isUnknown ?? saysUnknown)(error) ? 'unknown' : 'failed';
    }
    write.endedAt = performance.now();
  }

  async #read(): Promise<void> {
    const startedAt = performance.now();
    let node: string | undefined;
    let failure: unknown;
    try {
      node = nodeOf(await this.#options.read?.());
    } catch (error) {
      failure = error;
    }
    this.reads.push({ startedAt, tookMs: performance.now() - startedAt, node, error: failure });
  }
}

/**
 * Starts calls at a steady rate, to see what becomes of them while servers fail.
 *
 * @throws {@link TestClusterError} for an unknown option.
 * @example
 * await using load = startLoad({ write: (id) => db.query('insert into journal values ($1)', [id]) });
 * await load.acknowledged(); // calls succeed
 * await cluster.primary.kill();
 * await cluster.failover();
 * await load.acknowledged(); // and succeed again
 * await load.stop();
 */
export function startLoad(options: LoadOptions): Load {
  assertKnown('a load', options, NAMES);
  return new Load(options);
}

function nodeOf(answer: unknown): string | undefined {
  const node = typeof answer === 'object' && answer !== null && 'node' in answer ? answer.node : undefined;
  return typeof node === 'string' ? node : undefined;
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function saysUnknown(error: unknown): boolean {
  return codeOf(error) === 'PGHERD_OUTCOME_UNKNOWN';
}

function described(error: unknown): string {
  return `${String(codeOf(error))}: ${String(error)}`;
}

/** Sentences that differ in nothing but their numbers become one, with how many there are. */
export function grouped(sentences: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const each of sentences) {
    const kind = each.replace(/\d+/g, '#').slice(0, 80);
    groups.set(kind, [...(groups.get(kind) ?? []), each]);
  }
  return [...groups.values()].map((all) =>
    all.length === 1 ? `${all[0]}` : `${all.length} times: ${all[0]}`,
  );
}
