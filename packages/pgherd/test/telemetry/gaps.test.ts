import { describe, expect, it } from 'vitest';
import { WriteGaps } from '../../src/telemetry/facts.ts';

describe('the times without a node for writes', () => {
  it('are measured from the loss to the next node, which counts as a failover', () => {
    const gaps = new WriteGaps('a:1');
    expect(gaps.primary(undefined, 100)).toEqual({ gapMs: undefined, moved: false });
    expect(gaps.primary('b:1', 350)).toEqual({ gapMs: 250, moved: true });
  });

  it('are no failover if the same node is back', () => {
    const gaps = new WriteGaps('a:1');
    gaps.primary(undefined, 100);
    expect(gaps.primary('a:1', 400)).toEqual({ gapMs: 300, moved: false });
  });

  it('are 0 if another node takes writes at once', () => {
    expect(new WriteGaps('a:1').primary('b:1', 50)).toEqual({ gapMs: 0, moved: true });
  });

  it('do not begin before a node was known', () => {
    const gaps = new WriteGaps(undefined);
    gaps.primary(undefined, 10);
    expect(gaps.primary('a:1', 90)).toEqual({ gapMs: undefined, moved: false });
  });

  it('do not count what a cluster forgets when it rests', () => {
    const gaps = new WriteGaps('a:1');
    gaps.rest();
    expect(gaps.primary(undefined, 10)).toEqual({ gapMs: undefined, moved: false });
    gaps.wake();
    expect(gaps.primary('a:1', 10_000)).toEqual({ gapMs: undefined, moved: false });
  });
});
