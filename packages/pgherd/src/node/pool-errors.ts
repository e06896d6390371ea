import { PgHerdError } from '../model/errors.ts';
import type { PoolErrors } from '../pool/failures.ts';
import type { PoolStats } from '../pool/settings.ts';

/** The errors of the pool of connections to a node. */
export function poolErrors(node: string): PoolErrors {
  return Object.freeze({
    closed: () => new PgHerdError('PGHERD_CLOSED', 'the pool is closed'),
    evicted: (reason: string) => new PgHerdError('PGHERD_ABORTED', reason),
    aborted: abortedError,
    late: (stats: PoolStats, waitedMs: number) => lateError(node, stats, waitedMs),
    full: (maxWaiting: number, max: number) => fullError(node, maxWaiting, max),
    selfDeadlock: (held: number, max: number) => selfDeadlock(node, held, max),
  });
}

/** The error of a call that was aborted while it waited for a connection. */
export function abortedError(signal: AbortSignal): PgHerdError {
  return new PgHerdError('PGHERD_ABORTED', 'the call was aborted while it waited for a connection', {
    cause: signal.reason,
  });
}

/** The error of a call whose deadline passed while it waited for a connection. */
export function lateError(node: string, { max, leased, opening }: PoolStats, waitedMs: number): PgHerdError {
  const counts = `${leased} of ${max} are in use, ${opening} are being opened`;
  const sentence = `No connection to ${node} became free within ${waitedMs} ms (waitTimeoutMs); ${counts} (pool.max)`;
  return new PgHerdError('PGHERD_WAIT_TIMEOUT', sentence, {
    details: { node, waitedMs, max, leased, opening, limit: 'waitTimeoutMs' },
  });
}

function fullError(node: string, maxWaiting: number, max: number): PgHerdError {
  const sentence = `${maxWaiting} callers are already waiting for one of ${max} connections to ${node} (pool.maxWaiting)`;
  return new PgHerdError('PGHERD_POOL_FULL', sentence, { details: { node, maxWaiting, max } });
}

function selfDeadlock(node: string, held: number, max: number): PgHerdError {
  return new PgHerdError(
    'PGHERD_POOL_SELF_DEADLOCK',
    `this call would deadlock: the functions it runs in hold ${held} of ${max} connections to ${node} (pool.max), ` +
      'and it waits for one of them; use their transaction or lease, or raise pool.max',
    { details: { node, held, max } },
  );
}
