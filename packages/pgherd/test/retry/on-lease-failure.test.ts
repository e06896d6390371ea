import { describe, expect, it } from 'vitest';
import { type ErrorCode, PgHerdError } from '../../src/model/errors.ts';
import { type LeaseOutcome, onLeaseFailure } from '../../src/retry/on-lease-failure.ts';

const own = (code: ErrorCode) => new PgHerdError(code, 'no connection');

const TABLE: readonly (readonly [
  what: string,
  error: unknown,
  first: LeaseOutcome,
  refused: LeaseOutcome,
])[] = [
  ['the queue of the pool is full', own('PGHERD_POOL_FULL'), 'raise', 'raise'],
  ['the call was aborted', own('PGHERD_ABORTED'), 'raise', 'raise'],
  ['the cluster was closed', own('PGHERD_CLOSED'), 'raise', 'raise'],
  ['the time to wait has passed', own('PGHERD_WAIT_TIMEOUT'), 'time-out', 'avoid'],
  ['the caller holds all connections', own('PGHERD_POOL_SELF_DEADLOCK'), 'deadlock', 'deadlock'],
  ['the connection was refused', own('PGHERD_CONNECT_FAILED'), 'avoid', 'avoid'],
  ['the connection took too long', own('PGHERD_CONNECT_TIMEOUT'), 'avoid', 'avoid'],
  ['the password was rejected', own('PGHERD_AUTHENTICATION_FAILED'), 'avoid', 'avoid'],
  [
    'the server is full',
    Object.assign(new Error('sorry'), { code: '53300', severity: 'FATAL' }),
    'avoid',
    'avoid',
  ],
  ['the system said no', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'avoid', 'avoid'],
  ['something that is no error', 'no', 'avoid', 'avoid'],
];

describe('a node that gives no connection', () => {
  it.each(TABLE)('%s', (_what, error, first, refused) => {
    expect(onLeaseFailure(error, false)).toBe(first);
    expect(onLeaseFailure(error, true)).toBe(refused);
  });
});
