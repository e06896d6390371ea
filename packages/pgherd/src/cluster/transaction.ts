import { OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import type { Call, CallOptions } from './call.ts';
import type { Engine } from './engine.ts';
import { unacknowledged, withNode } from './failures.ts';
import { type Querier, querierOver } from './querier.ts';
import type { Session } from './session.ts';

/** Isolation levels, in PostgreSQL's words. */
export const ISOLATION_LEVELS = Object.freeze(['read committed', 'repeatable read', 'serializable'] as const);
/** One of {@link ISOLATION_LEVELS}. */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** How a transaction begins. */
export interface TransactionOptions extends CallOptions {
  /** Default: the server's `default_transaction_isolation`. */
  readonly isolation?: IsolationLevel | undefined;
  /** Refuses writes; the default target is then `prefer-standby`. Default `false`. */
  readonly readOnly?: boolean | undefined;
  /** Waits for a snapshot that cannot fail; only with `serializable` and `readOnly`. Default `false`. */
  readonly deferrable?: boolean | undefined;
  /** Whether the function is run again when that is certain to do no harm. Default `true`. */
  readonly retry?: boolean | { readonly attempts?: number | undefined } | undefined;
}

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

/** `BEGIN` as the options ask for it. */
export function beginText(options: TransactionOptions): string {
  const parts = ['BEGIN'];
  if (options.isolation !== undefined) parts.push(`ISOLATION LEVEL ${options.isolation.toUpperCase()}`);
  if (options.readOnly === true) parts.push('READ ONLY');
  if (options.deferrable === true) parts.push('DEFERRABLE');
  return parts.join(' ');
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
    try {
      await engine.send(session, beginText(options), call);
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
      ...querierOver((statement, options) => this.#run(statement, options)),
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
    this.#commitSent = true;
    this.#mayHaveCommitted = true;
    let command: string;
    try {
      ({ command } = await this.#engine.send(session, 'COMMIT', this.#call));
    } catch (error) {
      this.#commitSent = phaseOf(error) === 'sent';
      this.#end('lost');
      this.#mayHaveCommitted = this.#commitSent && !classifyError(error).safeToRetry('commit-sent');
      throw this.#commitFailure(error);
    }
    this.#mayHaveCommitted = command === 'COMMIT';
    const local = session.committedLocallyOnly;
    this.#end(command === 'COMMIT' ? 'committed' : 'rolled-back');
    if (command !== 'COMMIT') throw rolledBack(this.#firstError);
    if (local) throw unacknowledged('commit');
    for (const fn of this.#afterCommit.splice(0)) await fn();
  }

  async rollback(): Promise<void> {
    if (this.#state !== 'open') return;
    try {
      if (!this.#session.connection.closed) await this.#engine.send(this.#session, 'ROLLBACK', this.#call);
    } catch {
      // The connection is gone, and with it the transaction.
      this.#engine.discard(this.#session, 'ROLLBACK was not answered');
    } finally {
      this.#end('rolled-back');
    }
  }

  /** Ends it without a word to the server: the connection is destroyed. */
  abandon(reason: string): void {
    if (this.#state !== 'open') return;
    this.#engine.discard(this.#session, reason);
    this.#end('lost');
  }

  #commitFailure(error: unknown): unknown {
    if (!this.#mayHaveCommitted) return withNode(error, this.#session.node);
    return new OutcomeUnknownError(
      'commit',
      `COMMIT was sent to ${this.#session.node} and was not answered: nobody can tell whether it was executed.`,
      { cause: error, details: { node: this.#session.node } },
    );
  }

  async #run(statement: Statement, options: CallOptions): Promise<QueryResult<Row>> {
    this.#assertOpen();
    const call = narrowed(this.#call, options, this.#engine.herd.settings.clock.now());
    try {
      const result = await this.#engine.send(this.#session, statement, call);
      return { ...result, node: this.#session.node };
    } catch (error) {
      this.#firstError ??= error;
      throw withNode(error, this.#session.node);
    }
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
