import { OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import type { Witness } from './outcome.ts';

/** The server answered COMMIT with ROLLBACK. */
export function rolledBack(cause: unknown): PgHerdError {
  return new PgHerdError(
    'PGHERD_TRANSACTION_ROLLED_BACK',
    'The server answered COMMIT with ROLLBACK: an earlier statement of the transaction failed and its error was swallowed.',
    cause === undefined ? {} : { cause },
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

/** COMMIT was not answered; `known` helps the application to find out the outcome later. */
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

/** The application called `commit` or `rollback` of a savepoint. */
export async function refuseToEnd(): Promise<never> {
  throw new PgHerdError(
    'PGHERD_INVALID_ARGUMENT',
    'A savepoint ends with its function: return to keep what it did, throw to undo it.',
  );
}

/** The option `outcome: "xid"` is set, but a pooler stands between us and the server. */
export function noSurvivorBehindPooler(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'outcome "xid" needs a direct connection to the server, but a pooler stands in between: set outcomeTable instead.',
  );
}
