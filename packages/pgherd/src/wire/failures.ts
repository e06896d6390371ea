import { messageOf, PgHerdError } from '../model/errors.ts';

/** The error for a statement that was never sent: the connection was lost before. */
export function lostBefore(cause: unknown): PgHerdError {
  return lost('The connection was lost before the statement was sent', cause, 'not-handed');
}

/** The error for a statement that was sent behind the one by which the server ended the connection. */
export function neverExecuted(fatal: unknown): PgHerdError {
  return lost('The server ended the connection before it came to the statement', fatal, 'behind-fatal');
}

function lost(sentence: string, cause: unknown, phase: 'not-handed' | 'behind-fatal'): PgHerdError {
  const why = cause instanceof Error ? `: ${messageOf(cause)}` : '.';
  return new PgHerdError('PGHERD_CONNECTION_LOST', `${sentence}${why}`, { cause, details: { phase } });
}

/**
 * The error for a row that a type parser of the application could not read: the statement itself succeeded.
 */
export function unreadable(cause: unknown): PgHerdError {
  const why = messageOf(cause);
  const sentence = `The statement was executed, but a type parser could not read a row of its result: ${why}`;
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { cause });
}
