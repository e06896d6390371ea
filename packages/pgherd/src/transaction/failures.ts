import { awaitedStandby, sentTime } from '../call/failures.ts';
import { argumentError, OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import { foreign, quoted } from '../model/foreign.ts';
import { noCallback } from '../model/option-names.ts';
import { phaseOf } from '../retry/classify.ts';
import { readStatement } from '../sql/statement.ts';
import { transactionControl } from '../sql/transaction-control.ts';
import type { Clock } from '../time/port.ts';
import type { Witness } from './outcome.ts';

/** The server answered COMMIT with ROLLBACK. */
export function rolledBack(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    'The server answered COMMIT with ROLLBACK: an earlier statement of the transaction failed and its error was swallowed.',
    cause === undefined ? {} : { cause },
  );
}

/** COMMIT was answered, but by the tag of another command: it says nothing about the transaction. */
export function answeredOtherwise(command: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_PROTOCOL_ERROR',
    `The server answered COMMIT with ${JSON.stringify(foreign(command))}, which is neither COMMIT nor ROLLBACK.`,
  );
}

/** COMMIT was not answered, and the transaction was found to be rolled back. */
export function notCommitted(cause: unknown, node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    `COMMIT was sent to ${node}, but no answer came; the transaction was found to be rolled back.`,
    { cause, details: { node } },
  );
}

/** A COMMIT that was sent. */
export interface SentCommit {
  readonly node: string;
  /** When it was sent, milliseconds of the cluster's clock. */
  readonly sentAt: number;
  readonly clock: Clock;
}

/** COMMIT was not answered; `known` helps the application to find out the outcome later. */
export function commitUnknown(
  cause: unknown,
  { node, sentAt, clock }: SentCommit,
  known: { readonly witness: Witness; readonly why: string } | undefined,
): OutcomeUnknownError {
  const time = sentTime(sentAt, clock);
  const sentence = `COMMIT was sent to ${node} ${time.sentence}, but no answer came: its outcome is unknown`;
  const standby = awaitedStandby(cause);
  const { xid, row } = known?.witness ?? {};
  const details = { node, ...time.details, xid, key: row?.key, ...standby.details };
  const why = known === undefined ? '' : ` (${known.why})`;
  const remedy = known === undefined ? ` ${COMMIT_REMEDY}` : '';
  return new OutcomeUnknownError('commit', `${sentence}${why}.${standby.sentence}${remedy}`, {
    cause,
    details,
  });
}

const COMMIT_REMEDY =
  "Look for its effect before you repeat it. With the option outcomeTable, or outcome: 'xid', a transaction finds out by itself.";

/** The application called `commit` or `rollback` of a savepoint. */
export async function refuseToEnd(): Promise<never> {
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'A savepoint ends with its function: return to keep what it did, throw to undo it.',
  );
}

/**
 * Refuses options of a savepoint: how its transaction runs was decided when that began.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertSavepoint(fn: unknown, [options]: readonly unknown[]): void {
  if (typeof fn !== 'function')
    throw argumentError(`transaction takes a function that gets the savepoint; it is ${quoted(fn)}.`);
  if (typeof options === 'function') throw noCallback('transaction');
  if (options !== undefined)
    throw argumentError('A savepoint has no options: give them to the transaction around it.');
}

/** The option `outcome: "xid"` is set, but a pooler stands between us and the server. */
export function noSurvivorBehindPooler(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'outcome "xid" needs a direct connection to the server, but a pooler stands in between: set outcomeTable instead.',
  );
}

/** A call of the outer level, made inside the function of a savepoint, waits for that very function. */
export function waitsForItself(): PgHerdError {
  return new PgHerdError(
    'PGHERD_SELF_DEADLOCK',
    'A savepoint is open, and work of the transaction around it waits until its function has ended, which is the one that makes this ' +
      'call. Inside the function use its own argument, or db.current().',
  );
}

/**
 * Refuses statements by which a transaction would end, or its savepoints vanish, behind the back of its object.
 * @throws PgHerdError `PGHERD_STATEMENT_NOT_ALLOWED`
 */
export function assertNoControl(text: string): void {
  const verdict = transactionControl(text);
  if (verdict === undefined) return;
  const { keyword } = readStatement(text);
  const sentence =
    verdict === 'ends'
      ? `${keyword} cannot be run inside a transaction of pgherd: the transaction ends by commit(), by rollback(), or with its function. ` +
        'Use tx.transaction(fn) for a savepoint.'
      : `${keyword} is about a savepoint of pgherd's own, or its name is not understood: use tx.transaction(fn), or another name.`;
  throw new PgHerdError('PGHERD_STATEMENT_NOT_ALLOWED', sentence, {
    details: { keyword, verb: 'transaction' },
  });
}

/** The server reports that no transaction is open although none of pgherd's statements ended it. */
export function endedUnseen(node: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    'commit',
    `The transaction on ${node} was ended by one of its own statements: what ran before that may be committed.`,
    { details: { node } },
  );
}

/** Whether a call ended before its statement was sent, which leaves the transaction as it was. */
export function isUnsent(error: unknown): boolean {
  if (!(error instanceof PgHerdError) || phaseOf(error) !== 'not-handed') return false;
  return error.code === 'PGHERD_TIMEOUT' || error.code === 'PGHERD_ABORTED';
}

/** Runs every callback of `afterCommit`, even if another one throws: the commit is a fact. */
export async function runAll(
  callbacks: readonly { readonly fn: () => void | Promise<void> }[],
): Promise<void> {
  const errors: unknown[] = [];
  for (const { fn } of callbacks) {
    try {
      await fn();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 1) throw new AggregateError(errors, 'callbacks of afterCommit threw');
  if (errors.length === 1) throw errors[0];
}
