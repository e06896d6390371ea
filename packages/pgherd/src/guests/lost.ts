import { PgHerdError } from '../model/errors.ts';

/** As {@link lost}, between two statements: what the guest wanted to begin was not sent. */
export function lostBetween(node: string, reason: string): PgHerdError {
  return lost(node, `was ended between two statements: ${reason}`, { phase: 'not-handed' });
}

/** The error of a guest whose connection has ended. */
export function lost(
  node: string | undefined,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): PgHerdError {
  const sentence = `The connection to ${node ?? 'the cluster'} ${what.replace(/\.?$/, '.')}`;
  return new PgHerdError('PGHERD_CONNECTION_LOST', sentence, { cause, details: { node, ...details } });
}

/** Whatever was thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
