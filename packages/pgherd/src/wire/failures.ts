import { messageOf, PgHerdError } from '../model/errors.ts';

/** Whether the server sent it, as an ErrorResponse. */
export function isServerError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'severity' in error;
}

/** The error for a statement that was never sent: the connection was lost before. */
export function lostBefore(cause: unknown): PgHerdError {
  return lost('The connection was lost before the statement was sent', cause, 'not-handed');
}

/** The error for a statement that was sent behind the one by which the server ended the connection. */
export function neverExecuted(fatal: unknown): PgHerdError {
  return lost('The server ended the connection before it came to the statement', fatal, 'behind-fatal');
}

function lost(sentence: string, cause: unknown, phase: 'not-handed' | 'behind-fatal'): PgHerdError {
  const why = cause instanceof Error ? `: ${cause.message}` : '.';
  return new PgHerdError('PGHERD_CONNECTION_LOST', `${sentence}${why}`, { cause, details: { phase } });
}

/** The error for a statement that was under way: it was executed, and whether it was committed is unknown. */
export function lostBeforeReady(fatal: Error): Error {
  return new Error(`Connection terminated before the end of the answer: ${fatal.message}`);
}

/**
 * The error for a row that a type parser of the application could not read: the statement itself succeeded.
 */
export function unreadable(cause: unknown): PgHerdError {
  const why = messageOf(cause);
  const sentence = `The statement was executed, but a type parser could not read a row of its result: ${why}`;
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { cause });
}

/** The error for a parameter that cannot be written; nothing of the statement was sent. */
export function unsendable(cause: unknown): PgHerdError {
  const sentence = `A value of the statement cannot be sent: ${messageOf(cause)}`;
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { cause });
}

/** The error for a statement after which the server reports a transaction in progress. */
export function leftOpen(): PgHerdError {
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    'The statement left a transaction open on a shared connection, which was destroyed: the transaction is rolled back. ' +
      'Use transaction(fn).',
  );
}

/**
 * The reason for closing a connection on which something else than PostgreSQL's protocol came. It has a code
 * of the system, since whether a statement was executed is as unknown as after a reset.
 */
export function notProtocol(why: string, cause?: unknown): Error {
  const error = new Error(
    `The connection was closed because what came is not PostgreSQL's protocol: ${why}`,
    {
      cause,
    },
  );
  return Object.assign(error, { code: 'ECONNABORTED' });
}
