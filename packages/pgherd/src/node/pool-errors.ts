import { PgHerdError } from '../model/errors.ts';
import type { PoolErrors } from '../pool/failures.ts';
import type { PoolStats } from '../pool/settings.ts';

/** The errors of a pool of connections. */
export const poolErrors: PoolErrors = Object.freeze({
  closed: () => new PgHerdError('PGHERD_CLOSED', 'the pool is closed'),
  evicted: (reason: string) => new PgHerdError('PGHERD_ABORTED', reason),
  aborted: abortedError,
  late: lateError,
  full: fullError,
  selfDeadlock,
});

/** The error of a call that was aborted while it waited for a connection. */
export function abortedError(signal: AbortSignal): PgHerdError {
  return new PgHerdError('PGHERD_ABORTED', 'the call was aborted while it waited for a connection', {
    cause: signal.reason,
  });
}

/** The error of a call whose deadline passed while it waited for a connection. */
export function lateError({ max, leased, opening }: PoolStats, waitedMs: number): PgHerdError {
  const counts = `${leased} of ${max} are in use, ${opening} are being opened`;
  const sentence = `no connection became free within ${waitedMs} ms; ${counts} (pool.max, waitTimeoutMs)`;
  return new PgHerdError('PGHERD_WAIT_TIMEOUT', sentence, { details: { waitedMs, max, leased, opening } });
}

function fullError(maxWaiting: number, max: number): PgHerdError {
  const sentence = `${maxWaiting} callers are already waiting for one of ${max} connections (pool.maxWaiting)`;
  return new PgHerdError('PGHERD_POOL_FULL', sentence, { details: { maxWaiting, max } });
}

function selfDeadlock(held: number, max: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_POOL_SELF_DEADLOCK',
    `this call would deadlock: the functions it runs in hold ${held} of ${max} connections to the node (pool.max), ` +
      'and it waits for one of them; use their transaction or lease, or raise pool.max',
    { details: { held, max } },
  );
}
