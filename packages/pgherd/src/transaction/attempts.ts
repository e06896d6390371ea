import type { Call } from '../call/call.ts';
import { TRANSACTION, type TransactionMessage } from '../channels/channels.ts';
import type { Engine } from '../engine/engine.ts';
import { PgHerdError } from '../model/errors.ts';
import type { Trace } from '../node/leaks.ts';
import type { Session } from '../node/session.ts';
import type { TransactionOptions } from '../options/transaction-options.ts';
import { newProgress } from '../recovery/progress.ts';
import { type AtLimit, isUnlimited, withinCall } from '../recovery/within.ts';
import { SessionTransaction } from './session-transaction.ts';
import type { Transaction } from './transaction.ts';

/** The function that a transaction runs. */
export type TransactionFunction<T> = (tx: Transaction) => Promise<T> | T;

/**
 * Runs `fn` in a transaction: commits when it resolves, rolls back when it throws, and runs it again from the
 * start if the server asked for that or the connection was lost before COMMIT was sent.
 */
export function runTransaction<T>(
  engine: Engine,
  call: Call,
  options: TransactionOptions,
  fn: TransactionFunction<T>,
  trace?: Trace,
): Promise<T> {
  if (!TRANSACTION.isWatched) return run(engine, call, options, fn, trace);
  const message = transactionMessage(engine, call, options);
  return TRANSACTION.trace(message, () => run(engine, call, options, fn, trace, message));
}

/** What is published of a transaction that begins. */
function transactionMessage(
  { herd }: Engine,
  { demand: { target } }: Call,
  { isolation, readOnly = false }: TransactionOptions,
): TransactionMessage {
  return { cluster: herd.settings.label, target, isolation, readOnly, attempts: 0 };
}

async function run<T>(
  engine: Engine,
  call: Call,
  options: TransactionOptions,
  fn: TransactionFunction<T>,
  trace?: Trace,
  message?: TransactionMessage,
): Promise<T> {
  const progress = newProgress();
  for (let attempt = 1; ; attempt++) {
    const acquired = engine.acquire(call, progress.lostOn);
    const session = acquired instanceof Promise ? await acquired : acquired;
    engine.leaks.watch(session, trace);
    progress.attempts++;
    if (message !== undefined) Object.assign(message, { attempts: attempt, node: session.node });
    if (options.retry !== false) session.allowMove();
    const outcome = await attemptOnce(engine, call, options, fn, session, attempt);
    if (outcome.kind === 'committed') {
      if (message !== undefined) message.outcome = 'committed';
      return outcome.value;
    }
    if (options.retry === false) throw outcome.error;
    await engine.recovery.recoverTransaction({
      error: outcome.error,
      firstError: outcome.firstError,
      session,
      call,
      progress,
      readOnly: call.access === 'read-only' || options.readOnly === true,
      maxAttempts: typeof options.retry === 'object' ? options.retry.attempts : undefined,
    });
  }
}

/** Begins a transaction on a session of its own, which is watched until it ends. */
export async function beginTransaction(
  engine: Engine,
  call: Call,
  options: TransactionOptions,
  trace?: Trace,
): Promise<Transaction> {
  const session = await engine.acquire(call);
  engine.leaks.watch(session, trace);
  if (!TRANSACTION.isWatched)
    return (await SessionTransaction.begin(engine, session, call, options, 1, false)).publicView();
  const message = { ...transactionMessage(engine, call, options), attempts: 1, node: session.node };
  return new Promise((resolve, reject) => {
    TRANSACTION.trace(message, async () => {
      const transaction = await SessionTransaction.begin(engine, session, call, options, 1, false);
      resolve(transaction.publicView());
      message.outcome = await transaction.ended;
    }).catch(reject);
  });
}

type Outcome<T> =
  | { readonly kind: 'committed'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: unknown; readonly firstError: unknown };

async function attemptOnce<T>(
  engine: Engine,
  call: Call,
  options: TransactionOptions,
  fn: TransactionFunction<T>,
  session: Session,
  attempt: number,
): Promise<Outcome<T>> {
  let transaction: SessionTransaction;
  try {
    const starting = SessionTransaction.starting(
      engine,
      session,
      call,
      options,
      attempt,
      options.retry !== false,
    );
    transaction = starting instanceof Promise ? await starting : starting;
  } catch (error) {
    return { kind: 'failed', error, firstError: undefined };
  }
  const view = transaction.publicView();
  const holding = { session, isHeld: () => transaction.ownsSession, transaction: view };
  try {
    const work = engine.held.run(holding, () => fn(view));
    const value = isUnlimited(call)
      ? await work
      : await withinCall(
          Promise.resolve(work),
          call,
          engine.herd.settings.clock,
          abandonAtLimit(transaction),
        );
    await transaction.finish();
    return { kind: 'committed', value };
  } catch (error) {
    const { firstError, beginFailure } = transaction;
    // What the function made of it does not matter: nothing of it was executed.
    if (beginFailure !== undefined)
      return { kind: 'failed', error: beginFailure.error, firstError: undefined };
    await transaction.rollback();
    // An error after COMMIT, such as a callback's, must never run the function a second time.
    if (transaction.mayHaveCommitted) throw error;
    return { kind: 'failed', error, firstError };
  }
}

/** A function that never returns must not hold a connection beyond the call's deadline. */
function abandonAtLimit(transaction: SessionTransaction): AtLimit {
  return {
    late: () => new PgHerdError('PGHERD_TIMEOUT', 'The transaction did not end within its timeoutMs.'),
    abandon: (error) => transaction.abandon(error.message),
  };
}
