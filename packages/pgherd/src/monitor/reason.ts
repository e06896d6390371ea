import { PgHerdError } from '../model/errors.ts';

/** What an error says, also one that only holds others: a name with several addresses fails without a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((one) => reasonOf(one)).join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}

/** The error of an attempt to connect that took too long. */
export function connectTimeout(waitedMs: number): PgHerdError {
  return new PgHerdError('PGHERD_CONNECT_TIMEOUT', `no connection within ${Math.round(waitedMs)} ms`);
}
