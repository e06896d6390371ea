import { describe, expect, it } from 'vitest';
import { beginCall, type CallOptions, hasCallOptions, NO_OPTIONS, prepareCall } from '../../src/call/call.ts';
import { fixedRandom } from '../support/random.ts';

const DEFAULTS = { target: 'read-write', timeoutMs: undefined } as const;

describe('a prepared call', () => {
  it('gives every call the same demand, and its own times', () => {
    const prepared = prepareCall({ target: 'prefer-standby', maxLagMs: 50, timeoutMs: 1_000 }, DEFAULTS);
    const [first, second] = [5, 7].map((now) => beginCall(prepared, now, fixedRandom(0.5)));
    expect(first?.demand).toBe(second?.demand);
    expect(first).toMatchObject({ access: 'read-only', startedAt: 5, deadline: 1_005 });
    expect(second).toMatchObject({ startedAt: 7, deadline: 1_007 });
    expect(first?.demand).toMatchObject({ target: 'prefer-standby', maxLagMs: 50, primaryReads: false });
  });

  it('keeps the tags as they were', () => {
    const tags = { disk: 'fast' };
    const { demand } = prepareCall({ tags }, DEFAULTS);
    tags.disk = 'slow';
    expect(demand.tags).toEqual({ disk: 'fast' });
  });

  it('leaves to chance, for each call, whether the primary counts as a standby', () => {
    const prepared = prepareCall({ primaryReadWeight: 0.3 }, DEFAULTS);
    const primaryReads = (dice: number) => beginCall(prepared, 0, fixedRandom(dice)).demand.primaryReads;
    expect([primaryReads(0.29), primaryReads(0.31)]).toEqual([true, false]);
  });

  it('is refused for what cannot be used', () => {
    expect(() => prepareCall({ maxLagMs: -1 }, DEFAULTS)).toThrow('maxLagMs');
    expect(() => prepareCall({ timeoutMs: 0 }, DEFAULTS)).toThrow('timeoutMs');
    expect(() => prepareCall({ hedge: 'yes' as unknown as boolean }, DEFAULTS)).toThrow('hedge');
  });
});

describe('whether a call has options of its own', () => {
  // Every option must be here: one that is not noticed would be ignored.
  const each: Required<{ [N in keyof CallOptions]: CallOptions[N] }> = {
    target: 'any',
    fallback: 'any',
    node: 'a:1',
    tags: {},
    maxLagMs: 0,
    maxLagBytes: 0,
    allowStale: false,
    primaryReadWeight: 0,
    timeoutMs: 1,
    signal: new AbortController().signal,
    after: '',
    settings: {},
    hedge: false,
    comment: {},
    idempotent: false,
  };

  it.each(Object.entries(each))('%s', (name, value) => {
    expect(hasCallOptions({ [name]: value })).toBe(true);
    expect(hasCallOptions({ [name]: undefined })).toBe(false);
  });

  it('not by what belongs to the statement', () => {
    expect(hasCallOptions(NO_OPTIONS)).toBe(false);
    expect(hasCallOptions({ text: 'select 1', values: [1] } as CallOptions)).toBe(false);
  });
});
