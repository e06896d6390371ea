import { PgHerdError } from '../model/errors.ts';
import { classifyError } from './classify.ts';
import { KIND_RULES } from './rules.ts';

/**
 * What a search for one session does when a host gave it none. `next-host`: it looks at the next one. `stop`: every host of the cluster
 * would refuse for the same reason, as with a wrong password, which must not be counted against the account once for each host.
 */
export const HOST_OUTCOMES = Object.freeze(['next-host', 'stop'] as const);
/** One of {@link HOST_OUTCOMES}. */
export type HostOutcome = (typeof HOST_OUTCOMES)[number];

/**
 * Decides by what the error is about: the connection, or a server that starts, stops, is full or too old, is a matter of that host. What
 * a server says of the login itself is not, as in libpq; nor is an error of our own configuration.
 */
export function onHostFailure(error: unknown): HostOutcome {
  if (error instanceof PgHerdError && error.code === 'PGHERD_SERVER_TOO_OLD') return 'next-host';
  return KIND_RULES[classifyError(error).kind].ofConnection === true ? 'next-host' : 'stop';
}
