import { describe, expect, it } from 'vitest';
import { factsOf, isTried } from '../../src/lanes/statement-facts.ts';

describe('what is learnt of a statement', () => {
  it('begins with what its text says and with nothing learnt', () => {
    expect(factsOf('update item set n = 1')).toEqual({
      keyword: 'UPDATE',
      mayShare: true,
      writes: true,
      atomic: true,
      commits: 'outside-transaction',
      changesSession: false,
      otherVerb: undefined,
      time: { meanMs: undefined, longMs: undefined, longShare: 0, runs: 0, riskMs: 200 },
      seen: 0,
      tryAt: 0,
      tries: 0,
      aloneUntil: Number.NEGATIVE_INFINITY,
    });
  });

  it('is tried behind others more and more rarely, and never when it is long', () => {
    const facts = factsOf('select 1');
    const tried: number[] = [];
    for (facts.seen = 0; facts.seen < 100; facts.seen++) if (isTried(facts)) tried.push(facts.seen);
    expect(tried).toEqual([0, 8, 24, 56]);
    const long = factsOf('select pg_sleep(1)');
    long.time.meanMs = 1_000;
    expect(isTried(long)).toBe(false);
  });
});
