import { PgHerdError } from '../model/errors.ts';
import type { PoolStats } from './settings.ts';

/** Told to callers who wait for a resource that will not come: look elsewhere. Never leaves the library. */
export class Redirected extends Error {}

/** The error of everybody who wants something of a closed pool. */
export function closedError(): PgHerdError {
  return new PgHerdError('PGHERD_CLOSED', 'the pool is closed');
}

/** The error of a caller who gave up waiting. */
export function abortedError(signal: AbortSignal): PgHerdError {
  return new PgHerdError('PGHERD_ABORTED', 'the call was aborted while it waited for a connection', {
    cause: signal.reason,
  });
}

/** @throws PgHerdError `PGHERD_ABORTED` */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/** The error of a caller whose deadline came first. */
export function lateError({ max, leased, opening }: PoolStats, waitedMs: number): PgHerdError {
  const counts = `${leased} of ${max} are in use, ${opening} are being opened`;
  const sentence = `no connection became free within ${waitedMs} ms; ${counts} (pool.max, waitTimeoutMs)`;
  return new PgHerdError('PGHERD_WAIT_TIMEOUT', sentence, { details: { waitedMs, max, leased, opening } });
}

/** The error of a caller who came after too many others. */
export function fullError(maxWaiting: number, max: number): PgHerdError {
  const sentence = `${maxWaiting} callers wait for one of ${max} connections already (pool.maxWaiting)`;
  return new PgHerdError('PGHERD_POOL_FULL', sentence, { details: { maxWaiting, max } });
}

/** The error of a caller who holds everything there may be. */
export function selfDeadlock(held: number, max: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_POOL_SELF_DEADLOCK',
    `this call would wait for itself: the functions it runs in hold ${held} of ${max} connections to the node ` +
      '(pool.max); use their transaction or lease, or raise pool.max',
    { details: { held, max } },
  );
}
