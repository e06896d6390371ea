import { messageOf, PgHerdError } from '../model/errors.ts';

/** Whether the server said it, in an ErrorResponse. */
export function isServerError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'severity' in error;
}

/** The error for a statement that came when the connection was gone already. */
export function lostBefore(cause: unknown): PgHerdError {
  const why = cause instanceof Error ? `: ${cause.message}` : '.';
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    `The connection was lost before the statement was sent${why}`,
    { cause },
  );
}

/** The error for a row that a parser of the caller's could not read: the statement itself was answered. */
export function unreadable(cause: unknown): PgHerdError {
  const why = messageOf(cause);
  const sentence = `The statement was executed, but a type parser could not read a row of its result: ${why}`;
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { cause });
}
