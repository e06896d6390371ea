import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { codeOf } from '../support.ts';

/** What a call is. A transaction writes two rows: both are there, or none. */
export type CallKind = 'write' | 'read' | 'transaction';

/** One call, from its beginning to its end. */
export interface Call {
  readonly kind: CallKind;
  /** The numbers it writes. */
  readonly ids: readonly number[];
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  endedAt: number | undefined;
  outcome: 'pending' | 'done' | 'unknown' | 'failed';
  node: string | undefined;
  error: unknown;
}

/** Calls a second unless told otherwise. Each round is one read and one write. */
export const CALLS_PER_SECOND = 200;
/** Every so many rounds the write is a transaction of two rows. */
const TRANSACTION_EVERY = 5;
/** After a stall of our own no more than this many rounds are made up for at once. */
const MOST_ROUNDS_AT_ONCE = 50;
/** No call begins while so many wait for their end: a machine that cannot keep the pace must not be buried in calls. */
const MOST_WAITING = 200;
/** How long a wait for the calls' progress goes on, milliseconds. */
const PROGRESS_LIMIT_MS = 60_000;

/** How long each call may take, milliseconds. */
export const CALL_LIMIT_MS = 60_000;

/** Writes, reads and transactions at a steady rate, and the books about them. */
export class Workload {
  readonly calls: Call[] = [];
  readonly #db: Cluster;
  readonly #roundMs: number;
  readonly #running = new Set<Promise<void>>();
  #nextId = 1;
  #rounds = 0;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;

  constructor(db: Cluster, callsPerSecond = CALLS_PER_SECOND) {
    this.#db = db;
    this.#roundMs = 2_000 / callsPerSecond;
  }

  /** The next number that a write gets. */
  get nextId(): number {
    return this.#nextId;
  }

  start(): void {
    this.#dueAt = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#dueAt = Math.max(this.#dueAt, now - MOST_ROUNDS_AT_ONCE * this.#roundMs);
      for (; this.#dueAt <= now; this.#dueAt += this.#roundMs) this.#round();
    }, this.#roundMs);
  }

  /** Begins no more calls, and waits until every one has settled. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  /** Waits until `count` writes or transactions that begin from now on are done, by `node` or by anybody. */
  async written(count: number, node?: string): Promise<void> {
    await this.#done(count, 'writes', (call) => call.kind !== 'read', node);
  }

  /** Waits until `count` reads that begin from now on are done, by `node` or by anybody. */
  async read(count: number, node?: string): Promise<void> {
    await this.#done(count, 'reads', (call) => call.kind === 'read', node);
  }

  async #done(count: number, what: string, is: (call: Call) => boolean, node?: string): Promise<void> {
    const from = this.calls.length;
    const counted = (call: Call) =>
      call.outcome === 'done' && is(call) && (node === undefined || call.node === node);
    await waitUntil(() => this.calls.slice(from).filter(counted).length >= count, {
      what: `${count} more ${what} by ${node ?? 'anybody'}`,
      timeoutMs: PROGRESS_LIMIT_MS,
      everyMs: 20,
    });
  }

  #round(): void {
    if (this.#running.size >= MOST_WAITING) return;
    this.#rounds += 1;
    this.#track(this.#call('read'));
    this.#track(this.#call(this.#rounds % TRANSACTION_EVERY === 0 ? 'transaction' : 'write'));
  }

  #track(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  async #call(kind: CallKind): Promise<void> {
    const count = { read: 0, write: 1, transaction: 2 }[kind];
    const ids = Array.from({ length: count }, (_, index) => this.#nextId + index);
    this.#nextId += count;
    const call: Call = {
      kind,
      ids,
      startedAt: performance.now(),
      endedAt: undefined,
      outcome: 'pending',
      node: undefined,
      error: undefined,
    };
    this.calls.push(call);
    try {
      call.node = await this.#run(kind, ids);
      call.outcome = 'done';
    } catch (error) {
      call.error = error;
      call.outcome = codeOf(error) === 'PGHERD_OUTCOME_UNKNOWN' ? 'unknown' : 'failed';
    }
    call.endedAt = performance.now();
  }

  /** The node that served. */
  async #run(kind: CallKind, ids: readonly number[]): Promise<string> {
    const db = this.#db;
    switch (kind) {
      case 'read':
        return (await db.read.query('select count(*) from journal where id = $1', [1], LIMITED)).node;
      case 'write':
        return (await db.query(INSERT, ids, LIMITED)).node;
      case 'transaction':
        return db.transaction(async (tx) => {
          let node = '';
          for (const id of ids) ({ node } = await tx.query(INSERT, [id]));
          return node;
        }, LIMITED);
      default:
        return kind satisfies never;
    }
  }
}

const INSERT = 'insert into journal values ($1)';
const LIMITED = { timeoutMs: CALL_LIMIT_MS };
