import { PgHerdError } from '../model/errors.ts';
import { isFinal } from './rules.ts';

/**
 * What a call does when a node gave it no connection. `raise`: the error is the caller's, not the node's. `time-out`: the call's
 * limit came while it waited. `avoid`: the call looks elsewhere, and remembers why. `deadlock`: as `avoid`, and if no other node
 * has a connection the error is raised: the call would wait for connections that its own callers hold.
 */
export const LEASE_OUTCOMES = Object.freeze(['raise', 'time-out', 'avoid', 'deadlock'] as const);
/** One of {@link LEASE_OUTCOMES}. */
export type LeaseOutcome = (typeof LEASE_OUTCOMES)[number];

/**
 * Decides what a pool's error means for the call. A call that waited for a node which `refusedBefore` within the same call goes on
 * with that refusal: it says more than the time that has passed.
 */
export function onLeaseFailure(error: unknown, refusedBefore: boolean): LeaseOutcome {
  if (isFinal(error, 'search')) return 'raise';
  const code = error instanceof PgHerdError ? error.code : '';
  if (code === 'PGHERD_WAIT_TIMEOUT') return refusedBefore ? 'avoid' : 'time-out';
  return code === 'PGHERD_POOL_SELF_DEADLOCK' ? 'deadlock' : 'avoid';
}
