import type { Call, CallOptions } from '../call/call.ts';
import { busy, unacknowledged, withNode } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import { OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import type { Ask } from '../monitor/connection.ts';
import type { Session } from '../node/session.ts';
import { beginText, type TransactionOptions } from '../options/transaction-options.ts';
import { type ConnectionUse, type LongWork, startOnSession, type WorkKind } from '../query/long-work.ts';
import { type Querier, querierOver } from '../query/querier.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { isPast } from '../time/deadline.ts';
import { findOutcome, readWitness, survivorOf, type Witness, witnessText } from './outcome.ts';

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

async function refuseToEnd(): Promise<never> {
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'A savepoint ends with its function: return to keep what it did, throw to undo it.',
  );
}

/**
 * A transaction on one session. It is `open` from BEGIN on, then exactly once `committed`, `rolled-back` or `lost`; from
 * then on the session is no longer its own and every verb fails.
 */
export class SessionTransaction<C> {
  readonly #engine: Engine<C>;
  readonly #session: Session<C>;
  readonly #call: Call;
  readonly #attempt: number;
  #state: 'open' | 'committed' | 'rolled-back' | 'lost' = 'open';
  #commitSent = false;
  #mayHaveCommitted = false;
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

  /** Whether COMMIT was handed to the connection. */
  get commitSent(): boolean {
    return this.#commitSent;
  }

  /** Whether its work is, or may be, permanent: from then on nothing may run it again, whatever fails afterwards. */
  get mayHaveCommitted(): boolean {
    return this.#mayHaveCommitted;
  }

  /** The first error that a statement of the transaction met. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** The public face; savepoints have one of their own. */
  face(ends: Ends = this.#ends()): Transaction {
    const node = this.#session.node;
    const attempt = this.#attempt;
    const isOpen = () => this.#state === 'open';
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
    this.#commitSent = true;
    this.#mayHaveCommitted = true;
    let command: string;
    try {
      ({ command } = await this.#engine.send(session, 'COMMIT', this.#call));
    } catch (error) {
      await this.#commitUnanswered(error, survivor);
      return this.#runAfterCommit();
    }
    this.#mayHaveCommitted = command === 'COMMIT';
    const local = session.committedLocallyOnly;
    this.#end(command === 'COMMIT' ? 'committed' : 'rolled-back');
    if (command !== 'COMMIT') throw rolledBack(this.#firstError);
    if (local) throw unacknowledged('commit');
    return this.#runAfterCommit();
  }

  async rollback(): Promise<void> {
    if (this.#state !== 'open') return;
    // What was given up is rolled back when the session is cleaned up: nobody waits for it beyond the call's deadline.
    if (this.#session.connection.closed || this.#isGivenUp()) {
      this.#end('rolled-back');
      return;
    }
    try {
      await this.#engine.send(this.#session, 'ROLLBACK', this.#call);
    } catch {
      // The connection is gone, and with it the transaction.
      this.#engine.discard(this.#session, 'ROLLBACK was not answered');
    } finally {
      this.#end('rolled-back');
    }
  }

  /** Ends it without waiting for the server: what runs is cancelled, and the session rolls back as soon as it can. */
  abandon(reason: string): void {
    if (this.#state !== 'open') return;
    this.#engine.giveUp(this.#session, reason);
    this.#end('lost');
  }

  #isGivenUp(): boolean {
    const { deadline, signal } = this.#call;
    const late = isPast(deadline, this.#engine.herd.settings.clock.now());
    return late || signal?.aborted === true || this.#session.handed.abandoning !== undefined;
  }

  /** Resolves where the transaction turns out to be committed all the same. */
  async #commitUnanswered(error: unknown, survivor: Ask | undefined): Promise<void> {
    const { node, committedLocallyOnly } = this.#session;
    this.#commitSent = phaseOf(error) === 'sent';
    this.#mayHaveCommitted = this.#commitSent && !classifyError(error).safeToRetry('commit-sent');
    this.#end('lost');
    if (!this.#mayHaveCommitted) throw withNode(error, node);
    if (committedLocallyOnly) throw unacknowledged('commit', error);
    const witness = this.#witness;
    if (witness === undefined) throw commitUnknown(error, node, undefined);
    const verdict = await findOutcome(this.#engine, this.#call, witness, survivor);
    switch (verdict.kind) {
      case 'committed':
        this.#state = 'committed';
        return;
      case 'not-committed':
        this.#state = 'rolled-back';
        this.#commitSent = false;
        this.#mayHaveCommitted = false;
        throw notCommitted(error, node);
      case 'unknown':
        throw commitUnknown(error, node, { witness, why: verdict.why });
      default:
        return verdict satisfies never;
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
      // What is undone here will not be committed, so nobody is to be told that it was.
      this.#afterCommit.length = callbacks;
      if (this.#state === 'open' && !this.#session.connection.closed) {
        await this.#engine.send(this.#session, `ROLLBACK TO SAVEPOINT ${name}`, this.#call);
        this.#firstError = undefined;
      }
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#state === 'open') return;
    throw new PgHerdError(
      'PGHERD_TRANSACTION_ENDED',
      `The transaction is over (${this.#state}): begin another one. Is a call inside it not awaited?`,
    );
  }

  #end(state: 'committed' | 'rolled-back' | 'lost'): void {
    if (this.#state !== 'open') return;
    this.#state = state;
    this.#engine.release(this.#session);
  }
}

/** Begins, and learns in the same flight what the outcome can be found out by, where somebody wants to. */
async function beginOn<C>(
  engine: Engine<C>,
  session: Session<C>,
  call: Call,
  options: TransactionOptions,
): Promise<Witness | undefined> {
  const question = witnessText(options);
  const begin = beginText(options);
  if (question === undefined || options.readOnly === true) {
    await engine.send(session, begin, call);
    return undefined;
  }
  if (session.connection.perTransaction === undefined) {
    const { rows } = await engine.send(session, `${begin}; ${question}`, call);
    return readWitness(session.node, rows[0], options);
  }
  if (options.outcomeTable === undefined) throw noSurvivorBehindPooler();
  await engine.send(session, begin, call);
  const { rows } = await engine.send(session, question, call);
  return readWitness(session.node, rows[0], options);
}

function noSurvivorBehindPooler(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'outcome "xid" needs sessions of the server itself, and there is a pooler before it: give an outcomeTable instead.',
  );
}

/** A statement inside a transaction may have a shorter deadline and a signal of its own, but no other node. */
function narrowed(call: Call, options: CallOptions, now: number): Call {
  if (options.timeoutMs === undefined && options.signal === undefined) return call;
  const deadline =
    options.timeoutMs === undefined ? call.deadline : Math.min(call.deadline, now + options.timeoutMs);
  return { ...call, deadline, signal: options.signal ?? call.signal };
}

function rolledBack(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    'COMMIT was answered with ROLLBACK: an earlier statement of the transaction failed and its error was swallowed.',
    cause === undefined ? {} : { cause },
  );
}

function notCommitted(cause: unknown, node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    `COMMIT was sent to ${node} and was not answered; the transaction turned out not to be committed, for good.`,
    { cause, details: { node } },
  );
}

/** Nobody can tell; what is known is told, so that somebody may find out later. */
function commitUnknown(
  cause: unknown,
  node: string,
  known: { readonly witness: Witness; readonly why: string } | undefined,
): OutcomeUnknownError {
  const sentence = `COMMIT was sent to ${node} and was not answered: nobody can tell whether it was executed`;
  const details = { node, xid: known?.witness.xid, key: known?.witness.row?.key };
  return new OutcomeUnknownError(
    'commit',
    known === undefined ? `${sentence}.` : `${sentence} (${known.why}).`,
    {
      cause,
      details,
    },
  );
}
