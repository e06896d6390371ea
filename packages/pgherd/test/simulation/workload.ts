import type { Cluster, Transaction } from '../../src/index.ts';
import { Dice } from './dice.ts';
import type { LedgerEntry } from './ledger.ts';
import type { World } from './world.ts';

/** What calls there are, and how often. */
const WEIGHTS = Object.freeze({
  write: 34,
  'idempotent-write': 4,
  read: 16,
  'read-primary': 4,
  transaction: 16,
  'begin-commit': 4,
  'read-transaction': 4,
  'own-read-only': 4,
  'swallowed-error': 3,
  lease: 6,
  'mistaken-write': 3,
  'long-read': 2,
  'read-lease': 3,
  'next-probe': 1,
  ready: 1,
} as const);
/** One kind of call. */
export type CallKind = keyof typeof WEIGHTS;

/** One call of the workload, from its beginning to what became of it. */
export interface CallRecord {
  readonly name: string;
  readonly kind: CallKind;
  readonly startedAt: number;
  /** The call's own limit; `undefined` without. */
  readonly deadline: number | undefined;
  readonly writes: readonly LedgerEntry[];
  /** Times that its function was run. */
  runs: number;
  /** Errors that its statements met, inside its function. */
  readonly refusals: string[];
  /** Primaries that the client lost while it went on. */
  losses: number;
  settledAt: number | undefined;
  error: unknown;
}

const INSERT = 'insert into t (id) values ($1)';
/** A read that goes to a primary only where there is no standby. */
export const PREFERS_STANDBY = 'select 1 /* by a standby, if there is one */';
/** Thrown by the workload's own functions. */
class ChangedMind extends Error {}

/** The client's calls, at the moments that the seed says. */
export class Workload {
  readonly calls: CallRecord[] = [];
  readonly #world: World;
  readonly #db: Cluster;
  readonly #dice: Dice;
  readonly #quiet: Dice;
  readonly #settled: (call: CallRecord) => void;
  #over = false;

  constructor(world: World, db: Cluster, settled: (call: CallRecord) => void) {
    this.#world = world;
    this.#db = db;
    this.#dice = new Dice(world.scenario.seed, 'workload');
    this.#quiet = new Dice(world.scenario.seed, 'quiet');
    this.#settled = settled;
    db.on('primary:changed', ({ before }) => {
      if (before !== undefined) for (const call of this.pending) call.losses++;
    });
  }

  get pending(): CallRecord[] {
    return this.calls.filter((call) => call.settledAt === undefined);
  }

  /** Calls come one after the other, sometimes many at once, until `end`. */
  begin(): void {
    this.#next();
  }

  end(): void {
    this.#over = true;
  }

  #next(): void {
    const pause = this.#world.scenario.callEveryMs * 2 * this.#dice.next() + this.#quietMs();
    this.#world.loop.input(this.#world.loop.now + pause, () => {
      if (this.#over) return;
      const crowd = this.#dice.chance(0.04) ? this.#dice.whole(2, 12) : 1;
      for (let count = 0; count < crowd; count++) this.call(this.#dice.weighted(WEIGHTS));
      this.#next();
    });
  }

  /** A client that may rest has pauses in which nothing is asked of it. */
  #quietMs(): number {
    const { restAfterMs } = this.#world.scenario;
    if (restAfterMs === 0 || !this.#quiet.chance(0.1)) return 0;
    return restAfterMs * 1.2 + this.#quiet.between(10, 2_500);
  }

  /** Begins a call; `limitless` for one that has no limit of its own. */
  call(kind: CallKind, limitless = false): CallRecord {
    const { loop, ledger, trace } = this.#world;
    const timeoutMs = !limitless && this.#dice.chance(0.3) ? this.#dice.between(20, 4_000) : undefined;
    const prefix = kind === 'mistaken-write' || kind === 'own-read-only' ? 'm' : kind === 'lease' ? 'l' : 'w';
    const name = `${prefix}${this.calls.length + 1}`;
    const idempotent = kind === 'idempotent-write';
    const ids = kind === 'transaction' ? [`${name}.1`, `${name}.2`] : [name];
    const call: CallRecord = {
      name,
      kind,
      startedAt: loop.now,
      deadline: timeoutMs === undefined || LIMITLESS.has(kind) ? undefined : loop.now + timeoutMs,
      writes: WRITES.has(kind) ? ids.map((id) => ledger.open(id, idempotent)) : [],
      runs: 0,
      refusals: [],
      losses: 0,
      settledAt: undefined,
      error: undefined,
    };
    this.calls.push(call);
    trace.note(
      `client: call ${name} (${kind}${timeoutMs === undefined ? '' : `, ${Math.round(timeoutMs)} ms`})`,
    );
    this.#perform(call, { timeoutMs, signal: limitless ? undefined : this.#signal(), idempotent }).then(
      () => this.#settle(call, undefined),
      (error: unknown) => this.#settle(call, error),
    );
    return call;
  }

  #signal(): AbortSignal | undefined {
    if (!this.#dice.chance(0.04)) return undefined;
    const controller = new AbortController();
    this.#world.loop.input(this.#world.loop.now + this.#dice.between(0, 800), () =>
      controller.abort(new Error('the caller has changed its mind')),
    );
    return controller.signal;
  }

  #settle(call: CallRecord, error: unknown): void {
    call.settledAt = this.#world.loop.now;
    call.error = error;
    if (error === undefined) for (const write of call.writes) this.#world.ledger.acknowledged(write.id);
    this.#world.trace.note(
      `client: call ${call.name} ${error === undefined ? 'is done' : `fails: ${shown(error)}`}`,
    );
    this.#settled(call);
  }

  async #perform(call: CallRecord, limits: Limits): Promise<void> {
    const db = this.#db;
    switch (call.kind) {
      case 'write':
      case 'idempotent-write':
        await db.query(INSERT, [call.name], limits);
        return;
      case 'read':
        await db.read.query(PREFERS_STANDBY, [], limits);
        return;
      case 'read-primary':
        await db.query('select 1', [], {
          ...limits,
          target: this.#dice.pick(['primary', 'any', 'standby'] as const),
        });
        return;
      case 'transaction':
        return db.transaction((tx) => this.#inTransaction(call, tx), limits);
      case 'begin-commit':
        return this.#beginCommit(call, limits);
      case 'read-transaction':
        await db.transaction((tx) => tx.query('select 1'), { ...limits, readOnly: true });
        return;
      case 'own-read-only':
        return this.#ownReadOnly(call, limits);
      case 'swallowed-error':
        return db.transaction(async (tx) => {
          await tx.query(INSERT, [call.name]);
          await tx.query('select 1/0').catch(() => undefined);
        }, limits);
      case 'lease':
        return this.#lease(call, limits);
      case 'mistaken-write':
        await db.read.query(INSERT, [call.name], limits);
        return;
      case 'long-read':
        await db.read.query('select pg_sleep($1)', [this.#dice.between(50, 1_500)], limits);
        return;
      case 'read-lease':
        return db.read.use(async (lease) => {
          await lease.query('select pg_sleep($1)', [this.#dice.between(5, 900)]);
        }, limits);
      case 'next-probe':
        return db.nextProbe();
      case 'ready':
        return db.ready({ timeoutMs: limits.timeoutMs, signal: limits.signal });
      default:
        call.kind satisfies never;
    }
  }

  async #inTransaction(call: CallRecord, tx: Transaction): Promise<void> {
    call.runs++;
    await tx.query(INSERT, [`${call.name}.1`]);
    if (this.#dice.chance(0.3)) await this.#think(this.#dice.between(1, 300));
    if (this.#dice.chance(0.1)) {
      await tx
        .transaction(async (inner) => {
          await inner.query('select 1');
          throw new ChangedMind('the savepoint is not wanted');
        })
        .catch((error: unknown) => {
          if (!(error instanceof ChangedMind)) throw error;
        });
    }
    await tx.query(INSERT, [`${call.name}.2`]);
    if (this.#dice.chance(0.05)) throw new ChangedMind('the transaction is not wanted');
  }

  async #beginCommit(call: CallRecord, limits: Limits): Promise<void> {
    await using tx = await this.#db.begin(limits);
    call.runs++;
    await tx.query(INSERT, [call.name]);
    await tx.commit();
  }

  /** The caller itself forbids writes, and then writes: that is no news about the server. */
  async #ownReadOnly(call: CallRecord, limits: Limits): Promise<void> {
    await this.#db.transaction(async (tx) => {
      call.runs++;
      await tx.query('SET TRANSACTION READ ONLY');
      await tx.query(INSERT, [call.name]).catch((error: unknown) => {
        call.refusals.push(codeOf(error));
        throw error;
      });
    }, limits);
  }

  async #lease(call: CallRecord, limits: Limits): Promise<void> {
    await this.#db.use(async (lease) => {
      call.runs++;
      if (this.#dice.chance(0.5)) await this.#think(this.#dice.between(1, 200));
      await lease.query('select 1');
      await lease.query(INSERT, [call.name]);
      // The next caller must not find what this one has left open.
      if (this.#dice.chance(0.3)) await lease.query('BEGIN READ ONLY').catch(() => undefined);
    }, limits);
  }

  /** The client does something else for a while. */
  #think(ms: number): Promise<void> {
    const { loop } = this.#world;
    return new Promise((resolve) => loop.input(loop.now + ms, resolve));
  }
}

interface Limits {
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly idempotent: boolean;
}

/** A lease is had within the limit; how long it is held is the caller's affair. */
const LIMITLESS: ReadonlySet<CallKind> = new Set(['lease', 'read-lease', 'next-probe']);

const WRITES: ReadonlySet<CallKind> = new Set([
  'write',
  'idempotent-write',
  'transaction',
  'begin-commit',
  'own-read-only',
  'swallowed-error',
  'lease',
  'mistaken-write',
]);

/** The code of an error, `''` where it has none. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function shown(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `${codeOf(error)} ${message}`.slice(0, 160);
}
