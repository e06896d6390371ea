import type { Call, CallOptions } from '../call/call.ts';
import { busy, unacknowledged, withNode } from '../call/failures.ts';
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

/** A transaction that is open. */
export interface Transaction extends Querier, AsyncDisposable {
  /** 1 for the first run of the function, 2 for the second … */
  readonly attempt: number;
  /** The node it runs on. */
  readonly node: string;
  /** Whether it still takes statements. */
  readonly isOpen: boolean;
  /**
   * Makes it permanent.
   * @throws PgHerdError `PGHERD_TRANSACTION_ROLLED_BACK` where the server rolled it back because of an earlier error,
   * `PGHERD_OUTCOME_UNKNOWN` where the answer was lost, `PGHERD_TRANSACTION_ENDED` where it is over.
   */
  commit(): Promise<void>;
  /** Undoes it. Harmless when it is over. */
  rollback(): Promise<void>;
  /** A savepoint: when `fn` throws, only what it did is undone. It ends with `fn`, not by `commit` or `rollback`. */
  transaction<T>(fn: (tx: Transaction) => Promise<T> | T): Promise<T>;
  /** Calls `fn` once the commit has been acknowledged, in the order of the calls. */
  afterCommit(fn: () => void | Promise<void>): void;
}

/** The ways to end what a face stands for. */
type Ends = Pick<Transaction, 'commit' | 'rollback' | typeof Symbol.asyncDispose>;

/** A savepoint ends with its function; the transaction around it is not its to end. */
const SAVEPOINT_ENDS: Ends = Object.freeze({
  commit: refuseToEnd,
  rollback: refuseToEnd,
  [Symbol.asyncDispose]: async () => undefined,
});

/** How a transaction ended. `lost`: its session ended or was abandoned before COMMIT was sent. `unknown`: COMMIT was not answered. */
type End = 'committed' | 'rolled-back' | 'lost' | 'unknown';

/**
 * A transaction on one session. It is `open` from BEGIN on, `committing` while COMMIT is under way and, if COMMIT was not answered
 * and there is a witness, `asking` for the outcome. It ends exactly once, as one of {@link End}. From `asking` on the session is no
 * longer its own and every verb fails.
 */
export class SessionTransaction<C> {
  readonly #engine: Engine<C>;
  readonly #session: Session<C>;
  readonly #call: Call;
  readonly #attempt: number;
  #state: 'open' | 'committing' | 'asking' | End = 'open';
  #firstError: unknown;
  #savepoints = 0;
  #afterCommit: (() => void | Promise<void>)[] = [];
  /** By what its outcome can be found out should COMMIT not be answered. */
  #witness: Witness | undefined;

  private constructor(engine: Engine<C>, session: Session<C>, call: Call, attempt: number) {
    this.#engine = engine;
    this.#session = session;
    this.#call = call;
    this.#attempt = attempt;
  }

  /** Begins on a session; gives the session back where that fails. */
  static async begin<C>(
    engine: Engine<C>,
    session: Session<C>,
    call: Call,
    options: TransactionOptions,
    attempt: number,
  ): Promise<SessionTransaction<C>> {
    const transaction = new SessionTransaction(engine, session, call, attempt);
    session.assignTo(call);
    try {
      transaction.#witness = await beginOn(engine, session, call, options);
    } catch (error) {
      transaction.#end('lost');
      throw withNode(error, session.node);
    }
    return transaction;
  }

  /** Whether its work is, or may be, permanent: from then on nothing may run it again, whatever fails afterwards. */
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

  /** Whether the session is still its own. */
  get #isOpen(): boolean {
    return this.#state === 'open' || this.#state === 'committing';
  }

  /** The first error that a statement of the transaction met. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** The public face; savepoints have one of their own. */
  face(ends: Ends = this.#ends()): Transaction {
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
    // What was abandoned is rolled back when the session is cleaned up: no call waits for it beyond the call's deadline.
    if (this.#session.connection.closed || this.#isGivenUp()) {
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

  /** Ends it without waiting for the server: what runs is cancelled, and the session rolls back as soon as it can. */
  abandon(reason: string): void {
    if (!this.#isOpen) return;
    this.#engine.giveUp(this.#session, reason);
    this.#endUncommitted('lost');
  }

  #isGivenUp(): boolean {
    const { deadline, signal } = this.#call;
    const late = isPast(deadline, this.#engine.herd.settings.clock.now());
    return late || signal?.aborted === true || this.#session.handed.abandoning !== undefined;
  }

  /** Resolves if the transaction turns out to be committed all the same. */
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

  /** Each of them runs, whatever becomes of the others: the commit is a fact. */
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
    const call = narrowed(this.#call, options, this.#engine.herd.settings.clock.now());
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
    const call = narrowed(this.#call, options, clock.now());
    const use: ConnectionUse = {
      session,
      call,
      clock,
      perform: (answer, text) => engine.perform(session, answer, call, text),
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
      const result = await fn(this.face(SAVEPOINT_ENDS));
      await this.#engine.send(this.#session, `RELEASE SAVEPOINT ${name}`, this.#call);
      return result;
    } catch (error) {
      // What is undone here will not be committed, so its callbacks must not run.
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
      `The transaction is over (${this.#state}): begin another one. Is a call inside it not awaited?`,
    );
  }

  /** Ends what was not committed by us. If COMMIT is under way, that is not known. */
  #endUncommitted(state: 'rolled-back' | 'lost'): void {
    this.#end(this.#state === 'committing' ? 'unknown' : state);
  }

  /** The session is given back: it is no longer the transaction's own. Only the first end counts. */
  #end(state: 'asking' | End): void {
    if (!this.#isOpen) return;
    this.#state = state;
    this.#engine.release(this.#session);
  }

  /** The outcome of a COMMIT that was not answered has been looked for. */
  #endAsking(state: End): void {
    if (this.#state === 'asking') this.#state = state;
  }
}

/** A statement inside a transaction may have a shorter deadline and a signal of its own, but no other node. */
function narrowed(call: Call, options: CallOptions, now: number): Call {
  if (options.timeoutMs === undefined && options.signal === undefined) return call;
  const deadline =
    options.timeoutMs === undefined ? call.deadline : Math.min(call.deadline, now + options.timeoutMs);
  return { ...call, deadline, signal: options.signal ?? call.signal };
}
