import { PgHerdError } from '../model/errors.ts';

/** The error of an attempt to connect that took too long. */
export function connectTimeout(waitedMs: number): PgHerdError {
  return new PgHerdError('PGHERD_CONNECT_TIMEOUT', `no connection within ${Math.round(waitedMs)} ms`);
}
