import { OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import type { Witness } from './outcome.ts';

/** COMMIT was answered, with ROLLBACK. */
export function rolledBack(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    'COMMIT was answered with ROLLBACK: an earlier statement of the transaction failed and its error was swallowed.',
    cause === undefined ? {} : { cause },
  );
}

/** COMMIT was not answered, and the transaction was found not to be committed. */
export function notCommitted(cause: unknown, node: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    `COMMIT was sent to ${node} and was not answered; the transaction turned out not to be committed, and never will be.`,
    { cause, details: { node } },
  );
}

/** COMMIT was not answered, and its outcome is unknown; `known` is what the application can look for later. */
export function commitUnknown(
  cause: unknown,
  node: string,
  known: { readonly witness: Witness; readonly why: string } | undefined,
): OutcomeUnknownError {
  const sentence = `COMMIT was sent to ${node}, but no answer came: its outcome is unknown`;
  const details = { node, xid: known?.witness.xid, key: known?.witness.row?.key };
  const message = known === undefined ? `${sentence}.` : `${sentence} (${known.why}).`;
  return new OutcomeUnknownError('commit', message, { cause, details });
}

/** A savepoint was to be ended by `commit` or `rollback`. */
export async function refuseToEnd(): Promise<never> {
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'A savepoint ends with its function: return to keep what it did, throw to undo it.',
  );
}

/** The witness `xid` is asked for, but a pooler stands in between. */
export function noSurvivorBehindPooler(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'outcome "xid" needs sessions of the server itself, and there is a pooler before it: give an outcomeTable instead.',
  );
}
