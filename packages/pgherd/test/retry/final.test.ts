import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, PgHerdError } from '../../src/model/errors.ts';
import { isFinal, type Work } from '../../src/retry/rules.ts';

const WORKS: readonly Work[] = ['statement', 'transaction', 'subscription', 'search'];

/** The work that ends with each code; every code that is not here ends none. */
const ENDS: Partial<Record<ErrorCode, readonly Work[]>> = {
  PGHERD_TIMEOUT: ['statement', 'transaction'],
  PGHERD_ABORTED: ['statement', 'transaction', 'search'],
  PGHERD_CLOSED: ['statement', 'transaction', 'subscription', 'search'],
  PGHERD_OUTCOME_UNKNOWN: ['transaction'],
  PGHERD_UNSUPPORTED: ['subscription'],
  PGHERD_AUTHENTICATION_FAILED: ['subscription'],
  PGHERD_POOL_FULL: ['search'],
};

describe('errors after which work is never done again', () => {
  it.each(ERROR_CODES)('%s', (code) => {
    const error = new PgHerdError(code, 'ours');
    expect(WORKS.filter((work) => isFinal(error, work))).toEqual(ENDS[code] ?? []);
  });

  it('an error that only has the code of ours ends nothing', () => {
    const foreign = Object.assign(new Error('theirs'), { code: 'PGHERD_CLOSED' });
    expect(WORKS.filter((work) => isFinal(foreign, work))).toEqual([]);
  });
});
