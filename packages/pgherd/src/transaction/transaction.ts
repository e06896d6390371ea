import type { Call, CallOptions } from '../call/call.ts';
import { busy, unacknowledged, withNode } from '../call/failures.ts';
import { narrowedCall } from '../call/limits.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { Ask } from '../monitor/connection.ts';
import type { Session } from '../node/session.ts';
import type { TransactionOptions } from '../options/transaction-options.ts';
import { type ConnectionUse, type LongWork, startOnSession, type WorkKind } from '../query/long-work.ts';
import { type Querier, querierOver } from '../query/querier.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { isPast } from '../time/deadline.ts';
import { beginOn } from './begin.ts';
import { commitUnknown, notCommitted, refuseToEnd, rolledBack } from './failures.ts';
import { findOutcome, survivorOf, type Witness } from './outcome.ts';

/** An open transaction. */
export interface Transaction extends Querier, AsyncDisposable {
  /** 1 for the first run of the function, 2 for the second … */
  readonly attempt: number;
  /** The node it runs on. */
  readonly node: string;
  /** Whether it still accepts statements. */
  readonly isOpen: boolean;
  /**
   * Commits it.
   * @throws PgHerdError `PGHERD_TRANSACTION_ROLLED_BACK` if the server rolled it back because of an earlier
   * error, `PGHERD_OUTCOME_UNKNOWN` if the answer was lost, `PGHERD_TRANSACTION_ENDED` if it has ended.
   */
  commit(): Promise<void>;
  /** Rolls it back. Does nothing if it has ended. */
  rollback(): Promise<void>;
  /**
   * A savepoint: if `fn` throws, only its work is undone. It ends with `fn`, not by `commit` or `rollback`.
   */
  transaction<T>(fn: (tx: Transaction) => Promise<T> | T): Promise<T>;
  /** Calls `fn` once the commit has been acknowledged, in the order of the calls. */
  afterCommit(fn: () => void | Promise<void>): void;
}

/** How a public view ends its transaction. */
type Ends = Pick<Transaction, 'commit' | 'rollback' | typeof Symbol.asyncDispose>;

/** A savepoint ends with its function, and must not end the transaction around it. */
const SAVEPOINT_ENDS: Ends = Object.freeze({
  commit: refuseToEnd,
  rollback: refuseToEnd,
  [Symbol.asyncDispose]: async () => undefined,
});

/**
 * How a transaction ended. `lost`: its session ended or was abandoned before COMMIT was sent. `unknown`:
 * COMMIT was not answered.
 */
type End = 'committed' | 'rolled-back' | 'lost' | 'unknown';

/**
 * A transaction on one session. It is `open` from BEGIN on, `committing` while COMMIT is under way and, if
 * COMMIT was not answered and there is a witness, `asking` for the outcome. It ends exactly once, as one of
 * {@link End}. From `asking` on it no longer owns the session, and every verb fails.
 */
export class SessionTransaction {
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #call: Call;
  readonly #attempt: number;
  #state: 'open' | 'committing' | 'asking' | End = 'open';
  #firstError: unknown;
  #savepoints = 0;
  #afterCommit: (() => void | Promise<void>)[] = [];
  /** Reveals the outcome if COMMIT is not answered. */
  #witness: Witness | undefined;

  private constructor(engine: Engine, session: Session, call: Call, attempt: number) {
    this.#engine = engine;
    this.#session = session;
    this.#call = call;
    this.#attempt = attempt;
  }

  /** Begins on a session, and releases the session if that fails. */
  static async begin(
    engine: Engine,
    session: Session,
    call: Call,
    options: TransactionOptions,
    attempt: number,
  ): Promise<SessionTransaction> {
    const transaction = new SessionTransaction(engine, session, call, attempt);
    try {
      transaction.#witness = await beginOn(engine, session, call, options);
    } catch (error) {
      transaction.#end('lost');
      throw withNode(error, session.node);
    }
    return transaction;
  }

  /** Whether its work is, or may be, permanent: then nothing may run it again, whatever fails afterwards. */
  get mayHaveCommitted(): boolean {
    switch (this.#state) {
      case 'committing':
      case 'asking':
      case 'committed':
      case 'unknown':
        return true;
      case 'open':
      case 'rolled-back':
      case 'lost':
        return false;
      default:
        return this.#state satisfies never;
    }
  }

  /** Whether it still owns the session. */
  get #isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'committing';
  }

  /** The first error of a statement in the transaction. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** What the application gets; each savepoint has its own. */
  publicView(ends: Ends = this.#ends()): Transaction {
    const node = this.#session.node;
    const attempt = this.#attempt;
    const isOpen = () => this.#isOpen;
    return Object.freeze({
      ...querierOver({
        driver: this.#engine.herd.settings.driver.name,
        execute: (statement, options) => this.#execute(statement, options),
        start: (work, options) => this.#start(work, options),
      }),
      attempt,
      node,
      get isOpen() {
        return isOpen();
      },
      ...ends,
      transaction: <T>(fn: (tx: Transaction) => Promise<T> | T) => this.#savepoint(fn),
      afterCommit: (fn: () => void | Promise<void>) => {
        this.#assertOpen();
        this.#afterCommit.push(fn);
      },
    });
  }

  #ends(): Ends {
    const rollback = () => this.rollback();
    return { commit: () => this.commit(), rollback, [Symbol.asyncDispose]: rollback };
  }

  async commit(): Promise<void> {
    this.#assertOpen();
    const session = this.#session;
    if (session.occupied) throw busy(session.node);
    const survivor = survivorOf(this.#engine, session.node);
    this.#state = 'committing';
    let command: string;
    try {
      ({ command } = await this.#engine.send(session, 'COMMIT', this.#call));
    } catch (error) {
      await this.#commitUnanswered(error, survivor);
      return this.#runAfterCommit();
    }
    const local = session.committedLocallyOnly;
    this.#end(command === 'COMMIT' ? 'committed' : 'rolled-back');
    if (command !== 'COMMIT') throw rolledBack(this.#firstError);
    if (local) throw unacknowledged('commit');
    return this.#runAfterCommit();
  }

  async rollback(): Promise<void> {
    if (!this.#isOpen) return;
    // An abandoned session is rolled back when it is cleaned up: no call waits for that beyond its deadline.
    if (this.#session.connection.closed || this.#isAbandoned()) {
      this.#endUncommitted('rolled-back');
      return;
    }
    try {
      await this.#engine.send(this.#session, 'ROLLBACK', this.#call);
    } catch {
      // The connection is gone, and with it the transaction.
      this.#engine.discard(this.#session, 'ROLLBACK was not answered');
    } finally {
      this.#endUncommitted('rolled-back');
    }
  }

  /** Ends it without waiting for the server: what runs is cancelled, and the session is rolled back. */
  abandon(reason: string): void {
    if (!this.#isOpen) return;
    this.#engine.abandon(this.#session, reason);
    this.#endUncommitted('lost');
  }

  #isAbandoned(): boolean {
    const { deadline, signal } = this.#call;
    const late = isPast(deadline, this.#engine.herd.settings.clock.now());
    return late || signal?.aborted === true || this.#session.handed.abandoning !== undefined;
  }

  /** Resolves if the transaction is found to be committed. */
  async #commitUnanswered(error: unknown, survivor: Ask | undefined): Promise<void> {
    const { node, committedLocallyOnly } = this.#session;
    if (phaseOf(error) !== 'sent' || classifyError(error).safeToRetry('commit-sent')) {
      this.#end('lost');
      throw withNode(error, node);
    }
    const witness = this.#witness;
    if (committedLocallyOnly || witness === undefined) {
      this.#end('unknown');
      throw committedLocallyOnly ? unacknowledged('commit', error) : commitUnknown(error, node, undefined);
    }
    this.#end('asking');
    const found = await findOutcome(this.#engine, this.#call, witness, survivor);
    switch (found.kind) {
      case 'committed':
        this.#endAsking('committed');
        return;
      case 'not-committed':
        this.#endAsking('rolled-back');
        throw notCommitted(error, node);
      case 'unknown':
        this.#endAsking('unknown');
        throw commitUnknown(error, node, { witness, why: found.why });
      default:
        return found satisfies never;
    }
  }

  /** Runs every callback, even if another one throws: the commit is a fact. */
  async #runAfterCommit(): Promise<void> {
    const errors: unknown[] = [];
    for (const fn of this.#afterCommit.splice(0)) {
      try {
        await fn();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, 'callbacks of afterCommit threw');
    if (errors.length === 1) throw errors[0];
  }

  async #execute(statement: Statement, options: CallOptions): Promise<QueryResult<Row>> {
    this.#assertOpen();
    const call = narrowedCall(this.#call, options, this.#engine.herd.settings.clock.now());
    try {
      const result = await this.#engine.send(this.#session, statement, call);
      return answeredBy(result, this.#session.node);
    } catch (error) {
      this.#firstError ??= error;
      throw withNode(error, this.#session.node);
    }
  }

  async #start<T>(work: WorkKind<T>, options: CallOptions): Promise<LongWork<T>> {
    const session = this.#session;
    const engine = this.#engine;
    const { clock } = engine.herd.settings;
    const call = narrowedCall(this.#call, options, clock.now());
    const use: ConnectionUse = {
      session,
      call,
      clock,
      perform: (start, text) => engine.perform(session, start, call, text),
      errorFor: (error) => {
        this.#firstError ??= error;
        return withNode(error, session.node);
      },
      assertHeld: () => this.#assertOpen(),
      isReplaceable: false,
      release: () => undefined,
      abandon: (reason) => engine.discard(session, reason),
    };
    return startOnSession(use, work);
  }

  async #savepoint<T>(fn: (tx: Transaction) => Promise<T> | T): Promise<T> {
    this.#assertOpen();
    this.#savepoints++;
    const name = `pgherd_${this.#savepoints}`;
    const callbacks = this.#afterCommit.length;
    await this.#engine.send(this.#session, `SAVEPOINT ${name}`, this.#call);
    try {
      const result = await fn(this.publicView(SAVEPOINT_ENDS));
      await this.#engine.send(this.#session, `RELEASE SAVEPOINT ${name}`, this.#call);
      return result;
    } catch (error) {
      // The undone work will not be committed, so its callbacks must not run.
      this.#afterCommit.length = callbacks;
      if (this.#isOpen && !this.#session.connection.closed) {
        await this.#engine.send(this.#session, `ROLLBACK TO SAVEPOINT ${name}`, this.#call);
        this.#firstError = undefined;
      }
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#isOpen) return;
    throw new PgHerdError(
      'PGHERD_TRANSACTION_ENDED',
      `The transaction has ended (${this.#state}): begin another one. Is a call inside it not awaited?`,
    );
  }

  /** Ends it without an answer to COMMIT: if COMMIT is under way, the outcome is unknown. */
  #endUncommitted(state: 'rolled-back' | 'lost'): void {
    this.#end(this.#state === 'committing' ? 'unknown' : state);
  }

  /** Ends it and releases the session. Only the first end counts. */
  #end(state: 'asking' | End): void {
    if (!this.#isOpen) return;
    this.#state = state;
    this.#engine.release(this.#session);
  }

  /** Ends the search for the outcome of a COMMIT that was not answered. */
  #endAsking(state: End): void {
    if (this.#state === 'asking') this.#state = state;
  }
}
