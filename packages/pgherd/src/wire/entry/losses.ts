import { messageOf, PgHerdError } from '../../model/errors.ts';
import { lostBefore } from '../failures.ts';
import type { LostPhase } from './entry.ts';

/** The error for work whose connection was lost, as the port words it. */
export function lossOf(phase: LostPhase, reason: unknown): unknown {
  switch (phase) {
    case 'not-handed':
      return lostBefore(reason);
    case 'behind-fatal':
      return neverExecuted(reason);
    case 'sent':
      return reason;
    default:
      return phase satisfies never;
  }
}

function neverExecuted(cause: unknown): PgHerdError {
  const why = cause instanceof Error ? `: ${messageOf(cause)}` : '.';
  return new PgHerdError(
    'PGHERD_CONNECTION_LOST',
    `The server ended the connection before it came to the statement${why}`,
    { cause, details: { phase: 'behind-fatal' } },
  );
}
