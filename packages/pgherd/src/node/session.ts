import type { CausalScope } from '../call/causal-scope.ts';
import type { DriverConnection, PerTransaction, ServerMessage } from '../connection/port.ts';
import type { Access } from '../model/names.ts';
import type { Ask } from '../monitor/connection.ts';
import type { ResetPolicy } from '../options/pool-settings.ts';
import type { Pool } from '../pool/pool.ts';
import type { Clock } from '../time/port.ts';
import { withLimit } from '../time/wait.ts';
import { HandedOver } from './handed-over.ts';
import { type Looking, looking, setBehind } from './identify.ts';
import type { Trace } from './leaks.ts';

/** The server stopped waiting for its synchronous standby: the commit is durable on this server only. */
const LOCAL_COMMIT_ROUTINE = 'SyncRepWaitForLSN';
/** Time a session may take to become clean again, milliseconds. */
const CLEAN_UP_MS = 1_000;

/**
 * One connection of a node's pool, with what the cluster knows about it. Its state changes by its own verbs
 * only:
 *
 * - a call leases it (`lease`, `allowMove`) and gives it back (`returnTo`, which undoes all of
 *   that);
 * - what runs on it is `handed` over; a stream or a COPY occupies it (`occupy`, `vacate`);
 * - while its server is looked at (`beginLooking`, `endLooking`) it gets no writes;
 * - `retire` decides that it is never used again, and `leave` that we are the side that ends the connection.
 */
export class Session {
  readonly node: string;
  /** Generation of the node when the connection was opened. */
  readonly generation: number;
  readonly connection: DriverConnection;
  /** When the connection was open, milliseconds of the cluster's clock. */
  readonly openedAt: number;
  /** What the server's clock showed then, microseconds since 1970; `undefined` if it was not asked. */
  openedAtThere: string | undefined;
  /** Statements that were handed to its connection. */
  readonly handed = new HandedOver();
  /** Present behind a pooler: then no setting of the session says whether it may write. */
  readonly #perTransaction: PerTransaction | undefined;
  /** Access that a reset of the session brings back. */
  readonly #initialAccess: Access;
  #access: Access;
  /** Access for which it can be used without a round trip; `undefined` for none. */
  #ready: Access | undefined;
  /** Settles when it is known that its server is the node's; `undefined` once it is. */
  #looking: Looking | undefined;
  #restore: (() => Promise<void>) | undefined;

  // The lease.
  #use: Access = 'read-write';
  #handedAt = 0;
  #movable = false;
  #scope: CausalScope | undefined;
  #trace: Trace | undefined;

  readonly #resetPolicy: ResetPolicy;
  // Its condition.
  #mayHaveChanged = false;
  #occupied = false;
  #committedLocallyOnly = false;
  #preparedAt: number | undefined;
  #retired: string | undefined;
  #leaving = false;
  #survivor: Ask | undefined;

  constructor(
    node: string,
    generation: number,
    connection: DriverConnection,
    access: Access,
    reset: ResetPolicy = 'auto',
    openedAt = Number.POSITIVE_INFINITY,
  ) {
    this.openedAt = openedAt;
    this.#resetPolicy = reset;
    this.node = node;
    this.generation = generation;
    this.connection = connection;
    this.#perTransaction = connection.perTransaction;
    this.#initialAccess = access;
    this.#access = access;
    this.#ready = access;
  }

  /** Access that the session has now. */
  get access(): Access {
    return this.#access;
  }

  /** Whether it can be used for `access` without a round trip. */
  suits(access: Access): boolean {
    return this.#perTransaction !== undefined || this.#ready === access;
  }

  /**
   * Makes it ready for reading or for writing. A write waits until its server is known to be the node's; switching between both
   * is a round trip, needed only on a node that serves both.
   * @throws what the connection rejects with; PgHerdError `PGHERD_CONNECTION_LOST` if its server turns out to be another.
   */
  async setAccess(access: Access): Promise<void> {
    this.#useFor(access);
    const looking = access === 'read-write' ? this.#looking?.promise : undefined;
    if (this.#access !== access) await Promise.all([this.#switchTo(access), looking]);
    else if (looking !== undefined) await looking;
    this.#ready = this.#readyFor;
  }

  async #switchTo(access: Access): Promise<void> {
    const value = access === 'read-only' ? 'on' : 'off';
    const { connection } = this;
    // Behind the question to its server, in the same flight.
    if (this.#looking !== undefined && connection.pipeline !== undefined) await setBehind(connection, value);
    else await connection.simple(`SET default_transaction_read_only = ${value}`);
    this.#access = access;
  }

  /** What it is ready for by what is known now. */
  get #readyFor(): Access | undefined {
    return this.#looking === undefined || this.#access === 'read-only' ? this.#access : undefined;
  }

  /** Its server was asked who it is: until `endLooking` it gets no writes. */
  beginLooking(): void {
    this.#looking = looking();
    this.#ready = this.#readyFor;
  }

  /** Its server is the node's, as far as can be known; or why it is not used, in `error`. */
  endLooking(error?: unknown): void {
    const ended = this.#looking;
    if (ended === undefined) return;
    if (error === undefined) {
      this.#looking = undefined;
      this.#ready = this.#readyFor;
      ended.resolve();
    } else ended.reject(error);
  }

  /** Whether it is not yet known whether its server is the node's: nothing was written on it. */
  get isLookedAt(): boolean {
    return this.#looking !== undefined;
  }

  /** Sets a function that restores, after a reset, the settings that are not in the startup packet. */
  restoreBy(restore: () => Promise<void>): void {
    this.#restore = restore;
  }

  /**
   * A call gets it at `now`, milliseconds of the cluster's clock. `scope` is the causal scope whose reads
   * have to see what a write on it writes; a read changes no scope.
   */
  lease(access: Access, now: number, scope: CausalScope | undefined): void {
    this.#useFor(access);
    this.#handedAt = now;
    if (access === 'read-write') this.#scope = scope;
    this.connection.setRef(true);
  }

  #useFor(access: Access): void {
    this.#use = access;
    if (this.#perTransaction === undefined) return;
    this.#access = access;
    this.#perTransaction.useFor(access);
  }

  /** What it is leased for. */
  get use(): Access {
    return this.#use;
  }

  /** Whether what it ran last cannot have written, so that it is safe to run it again. */
  get couldNotWrite(): boolean {
    return this.couldNotWriteFor(this.#use);
  }

  /** The same for a call that had it for `use`. */
  couldNotWriteFor(use: Access): boolean {
    return use === 'read-only' && (this.#perTransaction?.couldNotWrite ?? true);
  }

  /** When it was last handed to a call, milliseconds of the cluster's clock. */
  get handedAt(): number {
    return this.#handedAt;
  }

  /** Of the calls that share it, the one that failed sent its statement at `now`. */
  noteHandedAt(now: number): void {
    this.#handedAt = now;
  }

  /** Whether what runs on it can be run again elsewhere; a session that the caller holds cannot move. */
  get movable(): boolean {
    return this.#movable;
  }

  /** What runs on it during this lease can be run again elsewhere. */
  allowMove(): void {
    this.#movable = true;
  }

  /** Scope whose reads have to see what is written on it. */
  get scope(): CausalScope | undefined {
    return this.#scope;
  }

  /** Returns the scope and forgets it: its position is asked for once. */
  takeScope(): CausalScope | undefined {
    const scope = this.#scope;
    if (scope !== undefined) this.#scope = undefined;
    return scope;
  }

  /** Verb and stack at which it was taken; `undefined` unless leaks are watched. */
  get trace(): Trace | undefined {
    return this.#trace;
  }

  /** It was taken by a verb that the leak watch follows. */
  noteTaken(trace: Trace): void {
    this.#trace = trace;
  }

  /** Whether a stream or a COPY is under way on it, so that nothing else can be. */
  get occupied(): boolean {
    return this.#occupied;
  }

  /** A stream or a COPY begins on it. */
  occupy(): void {
    this.#occupied = true;
  }

  /** The stream or the COPY has ended. */
  vacate(): void {
    this.#occupied = false;
  }

  /** Takes in a message that answers no statement. */
  noteMessage(message: ServerMessage): void {
    if (message.routine === LOCAL_COMMIT_ROUTINE) this.#committedLocallyOnly = true;
  }

  /** Whether the server reported a commit that no synchronous standby has acknowledged. */
  get committedLocallyOnly(): boolean {
    return this.#committedLocallyOnly;
  }

  /** Returns {@link committedLocallyOnly} and clears it. */
  takeLocalCommit(): boolean {
    const locallyOnly = this.#committedLocallyOnly;
    if (locallyOnly) this.#committedLocallyOnly = false;
    return locallyOnly;
  }

  /**
   * It was made ready for the first write after a promotion at `now`, milliseconds of the cluster's clock.
   */
  notePrepared(now: number): void {
    this.#preparedAt = now;
  }

  /** When it was made ready for the first write after a promotion. Returned once, `undefined` afterwards. */
  takePreparedAt(): number | undefined {
    const preparedAt = this.#preparedAt;
    this.#preparedAt = undefined;
    return preparedAt;
  }

  /**
   * Asks a session of the same server that was open while this one, which was lost, still had its backend: the server has not recovered
   * from a crash in between, so a transaction number means the same there.
   */
  get survivor(): Ask | undefined {
    return this.#survivor;
  }

  /** Its backend was ended over the session that `survivor` asks. */
  noteSurvivor(survivor: Ask | undefined): void {
    this.#survivor = survivor;
  }

  /** Why it is not used again, whatever state it is in; `undefined` while it may be. */
  get retired(): string | undefined {
    return this.#retired;
  }

  /** It is not used again after this lease. The first reason stays. */
  retire(reason: string): void {
    this.#retired ??= reason;
  }

  /** Whether we end the connection: then its end is not reported. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** We end the connection. */
  leave(): void {
    this.#leaving = true;
  }

  /** Whether the connection can be handed to the next caller as it is. */
  get isClean(): boolean {
    const { connection } = this;
    return !connection.closed && connection.status === 'idle' && !this.#isChanged && !this.#occupied;
  }

  /** It ran something that may have changed the session in a way that cannot be seen. */
  noteUnknownFunction(): void {
    // Behind a pooler a session keeps nothing.
    if (this.#perTransaction === undefined) this.#mayHaveChanged = true;
  }

  /** Whether it has to be reset before it is handed on. */
  get #isChanged(): boolean {
    return this.#resetPolicy !== 'never' && (this.connection.dirty || this.#mayHaveChanged);
  }

  /** Rolls back what is open and resets what was changed. */
  async cleanUp(): Promise<void> {
    const { connection } = this;
    if (connection.status !== 'idle') await connection.simple('ROLLBACK');
    if (!this.#isChanged) return;
    await connection.reset();
    this.#mayHaveChanged = false;
    await this.#restore?.();
    this.#access = this.#initialAccess;
    this.#ready = this.#readyFor;
  }

  /** Ends the lease: the pool gets it back, after cleaning it up if that is needed, or destroys it. */
  returnTo(pool: SessionPool, clock: Clock, now?: number): void {
    this.#committedLocallyOnly = false;
    this.#movable = false;
    this.#trace = undefined;
    if (this.#resetPolicy === 'always') this.noteUnknownFunction();
    if (this.connection.closed) pool.forget(this);
    else if (this.#occupied) this.#destroyedBy(pool, 'was left in the middle of a stream or a COPY');
    else if (this.#retired !== undefined) pool.release(this, this.#retired);
    else if (this.isClean) this.#releasedTo(pool, now);
    else void this.#cleanUpFor(pool, clock);
  }

  #releasedTo(pool: SessionPool, now?: number): void {
    this.connection.setRef(false);
    pool.release(this, undefined, now);
  }

  async #cleanUpFor(pool: SessionPool, clock: Clock): Promise<void> {
    try {
      await withLimit(clock, CLEAN_UP_MS, this.cleanUp());
    } catch {
      this.#destroyedBy(pool, 'could not be cleaned up');
      return;
    }
    if (this.isClean) this.#releasedTo(pool);
    else pool.release(this, 'could not be cleaned up');
  }

  #destroyedBy(pool: SessionPool, reason: string): void {
    pool.destroyWhere((one) => one === this, reason);
  }
}

/** The pool that a session is given back to. */
export type SessionPool = Pick<Pool<Session>, 'release' | 'forget' | 'destroyWhere'>;
