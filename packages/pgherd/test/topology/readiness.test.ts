import { describe, expect, it } from 'vitest';
import { isStillReady } from '../../src/topology/readiness.ts';

describe('a connection that was made ready for writes', () => {
  const now = 100_000;
  it.each([
    ['a while ago, of a node that was just seen', now - 59_999, now - 499, true],
    ['too long ago', now - 60_000, now, false],
    ['of a node that has been silent', now, now - 500, false],
    ['of a node that was never seen', now, undefined, false],
    ['never', undefined, now, false],
  ] as const)('%s: may be used without a question?', (_what, preparedAt, seenAt, expected) => {
    expect(isStillReady(preparedAt, seenAt, now)).toBe(expected);
  });
});
