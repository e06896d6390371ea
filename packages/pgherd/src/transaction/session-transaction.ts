import type { Call } from '../call/call.ts';
import { commented, joinedTags } from '../call/comment.ts';
import { busy, unacknowledged } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Ask } from '../monitor/connection.ts';
import type { Session } from '../node/session.ts';
import type { TransactionOptions } from '../options/transaction-options.ts';
import { type Executor, taggedWork } from '../query/executor.ts';
import { watchedExecutor } from '../query/watched.ts';
import { isPast } from '../time/deadline.ts';
import { BeginFailed, mayBeginTogether, Opening } from './begin.ts';
import { askForEnd, endOfUnanswered, type TransactionEnd } from './commit.ts';
import { answeredOtherwise, endedUnseen, isUnsent, rolledBack, runAll } from './failures.ts';
import { Level } from './level.ts';
import { survivorOf } from './outcome.ts';
import { MAY_HAVE_COMMITTED, type State } from './state.ts';
import type { Transaction } from './transaction.ts';
import { TransactionView, type Viewed } from './view.ts';
import { TransactionWork } from './work.ts';

/**
 * A transaction on one session. It is `open` from the beginning on, `committing` while COMMIT is under way,
 * `rolling-back` while ROLLBACK is and, if COMMIT was not answered and there is a witness, `asking` for the
 * outcome. It ends exactly once, as one of {@link TransactionEnd}. Statements are accepted while it is open; it owns the
 * session until it asks or ends.
 */
export class SessionTransaction implements Viewed {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #call: Call;
  readonly #opening: Opening;
  readonly #attempt: number;
  readonly #level = new Level();
  readonly #work: TransactionWork;
  #state: State = 'open';
  #beginFailure: { readonly error: unknown } | undefined;
  #committing: Promise<void> | undefined;
  #firstError: unknown;
  #callbacks = 0;
  #whenEnded: ((end: TransactionEnd) => void) | undefined;

  private constructor(
    engine: Engine,
    session: Session,
    call: Call,
    options: TransactionOptions,
    attempt: number,
    repeatable: boolean,
  ) {
    this.#engine = engine;
    this.#session = session;
    this.#call = call;
    this.#opening = new Opening(engine, session, call, options, repeatable);
    this.#attempt = attempt;
    this.#work = new TransactionWork({
      engine,
      session,
      call,
      opening: this.#opening,
      repeatable,
      isOpen: () => this.#state === 'open',
      ownsSession: () => this.ownsSession,
      assertOpen: (level) => this.#assertOpen(level),
      assertInside: () => this.#assertInside(),
      noteError: (error) => this.#noteError(error),
      forgetErrors: () => {
        this.#firstError = undefined;
      },
      begun: (beginning) => this.#begun(beginning),
      publicView: (level) => this.publicView(level),
    });
    // Nothing is sent before BEGIN.
    this.#level.turns.enter();
  }

  /** Begins on a session, and releases the session if that fails. `repeatable`: see {@link TransactionWorkPorts}. */
  static async begin(
    engine: Engine,
    session: Session,
    call: Call,
    options: TransactionOptions,
    attempt: number,
    repeatable: boolean,
  ): Promise<SessionTransaction> {
    const transaction = new SessionTransaction(engine, session, call, options, attempt, repeatable);
    await transaction.#beginAlone();
    if (transaction.beginFailure !== undefined) throw transaction.beginFailure.error;
    return transaction;
  }

  /**
   * A transaction whose BEGIN is sent in one flight with its first statement if that comes at once, otherwise
   * by itself; see {@link mayBeginTogether}. If it fails, {@link beginFailure} says why.
   */
  static starting(
    engine: Engine,
    session: Session,
    call: Call,
    options: TransactionOptions,
    attempt: number,
    repeatable: boolean,
  ): SessionTransaction | Promise<SessionTransaction> {
    if (!mayBeginTogether(session, options))
      return SessionTransaction.begin(engine, session, call, options, attempt, repeatable);
    const transaction = new SessionTransaction(engine, session, call, options, attempt, repeatable);
    process.nextTick(() => void transaction.#beginAlone());
    return transaction;
  }

  /** Why it could not begin; `undefined` unless BEGIN failed. */
  get beginFailure(): { readonly error: unknown } | undefined {
    return this.#beginFailure;
  }

  /** Whether its work is, or may be, permanent: then nothing may run it again, whatever fails afterwards. */
  get mayHaveCommitted(): boolean {
    return MAY_HAVE_COMMITTED[this.#state];
  }

  /** Resolves when it has ended, with how. */
  get ended(): Promise<TransactionEnd> {
    return new Promise((resolve) => {
      this.#whenEnded = resolve;
      this.#noteEnd();
    });
  }

  /** Whether it still owns the session. */
  get ownsSession(): boolean {
    return this.#state === 'open' || this.#state === 'committing' || this.#state === 'rolling-back';
  }

  /** The first error of a statement in the transaction. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** What the application gets; each savepoint has its own. */
  publicView(level: Level = this.#level): Transaction {
    return new TransactionView(this, level);
  }

  get attempt(): number {
    return this.#attempt;
  }

  get node(): string {
    return this.#session.node;
  }

  isOpenAt(level: Level): boolean {
    return this.#state === 'open' && level.isOpen;
  }

  executorAt(level: Level): Executor {
    const executor: Executor = {
      driver: this.#engine.herd.settings.driver.name,
      tagged: (statement, options) => commented(statement, joinedTags(this.#call.comment, options.comment)),
      execute: (statement, options) =>
        this.#work.execute(level, executor.tagged(statement, options), options),
      start: (work, options) => this.#work.start(level, taggedWork(executor, work, options), options),
    };
    return watchedExecutor(executor, this.#engine.watch, { scope: 'transaction', node: this.node });
  }

  savepoint<T>(level: Level, fn: (tx: Transaction) => Promise<T> | T): Promise<T> {
    return this.#work.savepoint(level, fn);
  }

  afterCommit(level: Level, fn: () => void | Promise<void>): void {
    this.#assertOpen(level);
    level.callbacks.push({ order: this.#callbacks++, fn });
  }

  commit(): Promise<void> {
    const wasOpen = this.#state === 'open';
    const committing = this.#commit();
    if (wasOpen) this.#committing ??= committing;
    // It waits for its turn, or was refused. One that was refused, and left the transaction open, is none.
    if (this.#state === 'open')
      committing.catch(() => {
        if (this.#state === 'open') this.#committing = undefined;
      });
    return committing;
  }

  /** Its function has returned: commits, unless that or a rollback was begun by the function itself. */
  finish(): Promise<void> | undefined {
    if (this.#committing !== undefined) return this.#committing;
    if (this.#state === 'unknown') throw endedUnseen(this.#session.node);
    const isRolledBack = this.#state === 'rolled-back' || this.#state === 'rolling-back';
    return isRolledBack ? undefined : this.commit();
  }

  async #commit(): Promise<void> {
    const turn = this.#work.enter(this.#level, this.#call);
    if (turn !== undefined) await turn;
    const session = this.#session;
    let command: string;
    let survivor: Ask | undefined;
    let sentAt = 0;
    try {
      if (session.occupied) throw busy(session.node);
      this.#assertInside();
      // At the start of a program the pool may have taken over the connection of the monitor, which opens another one.
      if (this.#opening.witness !== undefined)
        await this.#engine.herd.nodes.get(session.node)?.monitor.reopening;
      survivor = survivorOf(this.#engine, session.node);
      this.#state = 'committing';
      sentAt = this.#engine.herd.settings.clock.now();
      ({ command } = await this.#engine.send(session, 'COMMIT', this.#call));
      if (command !== 'COMMIT' && command !== 'ROLLBACK') {
        session.retire('answered COMMIT by something else');
        throw answeredOtherwise(command);
      }
    } catch (error) {
      if (this.#state !== 'committing') throw error;
      await this.#commitUnanswered(error, sentAt, session.survivor ?? survivor);
      return this.#runAfterCommit();
    } finally {
      this.#level.turns.leave();
    }
    const local = session.committedLocallyOnly;
    this.#end(command === 'COMMIT' ? 'committed' : 'rolled-back');
    if (command !== 'COMMIT') throw rolledBack(this.#firstError);
    if (local) throw unacknowledged('commit');
    return this.#runAfterCommit();
  }

  async rollback(): Promise<void> {
    if (this.#state === 'committing') await this.#committing?.catch(() => undefined);
    if (this.#state !== 'open') return;
    // An abandoned session is rolled back when it is cleaned up: no call waits for that beyond its deadline.
    const isGone = this.#session.connection.closed || this.#isAbandoned();
    if (isGone || this.#opening.isDue) {
      this.#endUncommitted('rolled-back');
      return;
    }
    // What comes from now on must not run behind ROLLBACK.
    this.#state = 'rolling-back';
    const escaped = this.#hasEscaped;
    try {
      await this.#engine.send(this.#session, 'ROLLBACK', this.#call);
    } catch {
      // The connection is gone, and with it the transaction.
      this.#engine.discard(this.#session, 'ROLLBACK was not answered');
    } finally {
      this.#endUncommitted(escaped ? 'unknown' : 'rolled-back');
    }
  }

  /** Ends it without waiting for the server: what runs is cancelled, and the session is rolled back. */
  abandon(reason: string): void {
    if (!this.ownsSession) return;
    this.#engine.abandon(this.#session, reason);
    this.#endUncommitted('lost');
  }

  #isAbandoned(): boolean {
    const { deadline, signal } = this.#call;
    const late = isPast(deadline, this.#engine.herd.settings.clock.now());
    return late || signal?.aborted === true || this.#session.handed.abandoning !== undefined;
  }

  /** Resolves if the transaction is found to be committed. */
  async #commitUnanswered(error: unknown, sentAt: number, survivor: Ask | undefined): Promise<void> {
    const { node, committedLocallyOnly } = this.#session;
    const { witness } = this.#opening;
    const commit = { node, sentAt, clock: this.#engine.herd.settings.clock };
    const known = endOfUnanswered(error, { ...commit, committedLocallyOnly, witness });
    if (known !== undefined) {
      this.#end(known.end);
      throw known.error;
    }
    this.#end('asking');
    const found = await askForEnd(this.#engine, this.#call, { error, commit, witness, survivor });
    if (this.#state === 'asking') this.#state = found.end;
    this.#noteEnd();
    if (found.error !== undefined) throw found.error;
  }

  #runAfterCommit(): Promise<void> {
    return runAll(this.#level.callbacks.splice(0).sort((one, other) => one.order - other.order));
  }

  async #beginAlone(): Promise<void> {
    if (this.#opening.isDue) await this.#begun(this.#opening.alone()).catch(() => undefined);
  }

  /** The beginning has the first turn of the transaction. */
  #begun<T>(beginning: Promise<T>): Promise<T> {
    return beginning.then(
      (result) => {
        this.#level.turns.leave();
        return result;
      },
      (error: unknown) => {
        this.#level.turns.leave();
        if (!(error instanceof BeginFailed)) throw error;
        this.#beginFailure = { error: error.cause };
        this.#end('lost');
        throw error.cause;
      },
    );
  }

  #assertOpen(level: Level): void {
    if (this.#state === 'open' && level.isOpen) return;
    const what = this.#state === 'open' ? 'savepoint has ended' : `transaction has ended (${this.#state})`;
    throw new PgHerdError(
      'PGHERD_TRANSACTION_ENDED',
      `The ${what}: begin another one. Is a call inside it not awaited?`,
      this.#beginFailure === undefined ? {} : { cause: this.#beginFailure.error },
    );
  }

  /** Whether one of its statements has ended it, or a COMMIT that is none of ours. */
  get #hasEscaped(): boolean {
    const { connection } = this.#session;
    return this.#opening.hasBegun && !connection.closed && connection.status === 'idle';
  }

  #assertInside(): void {
    if (this.#state !== 'open' || !this.#hasEscaped) return;
    this.#end('unknown');
    throw endedUnseen(this.#session.node);
  }

  #noteError(error: unknown): void {
    if (!isUnsent(error)) this.#firstError ??= error;
    if (this.#state === 'open' && this.#hasEscaped) this.#end('unknown');
  }

  /** Ends it without an answer to COMMIT: if COMMIT is under way, the outcome is unknown. */
  #endUncommitted(state: 'rolled-back' | 'lost' | 'unknown'): void {
    this.#end(this.#state === 'committing' ? 'unknown' : state);
  }

  /** Ends it and releases the session. Only the first end counts. */
  #end(state: 'asking' | TransactionEnd): void {
    if (!this.ownsSession) return;
    this.#opening.drop();
    this.#state = state;
    this.#noteEnd();
    this.#engine.release(this.#session);
  }

  #noteEnd(): void {
    const state = this.#state;
    if (!this.ownsSession && state !== 'asking') this.#whenEnded?.(state as TransactionEnd);
  }
}
