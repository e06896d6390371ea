import { describe, expect, it } from 'vitest';
import { chooseNode } from '../../src/routing/choose.ts';
import { type Policy, type PolicyContext, random } from '../../src/routing/policies.ts';
import { named } from '../support/evidence.ts';
import { describedNode } from '../support/nodes.ts';

const CONTEXT: PolicyContext = {
  load: () => ({ inFlight: 0, idle: 0, ewmaMs: undefined, lastPick: 0 }),
  random: () => 0,
};
const [a, b, c] = [...'abc'].map((letter) => describedNode(letter, {})) as [
  ReturnType<typeof describedNode>,
  ReturnType<typeof describedNode>,
  ReturnType<typeof describedNode>,
];
const NONE: ReadonlySet<string> = new Set();

describe('the choice', () => {
  it('falls on the first tier, and on the next where all of the first are to be avoided', () => {
    expect(chooseNode([[a, b], [c]], NONE, random, CONTEXT)).toBe(a);
    expect(chooseNode([[a, b], [c]], new Set([named('a')]), random, CONTEXT)).toBe(b);
    expect(chooseNode([[a, b], [c]], new Set([named('a'), named('b')]), random, CONTEXT)).toBe(c);
    expect(chooseNode([[a]], new Set([named('a')]), random, CONTEXT)).toBeUndefined();
    expect(chooseNode([], NONE, random, CONTEXT)).toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['a node of another tier', c, /returned an object named c:5432, but .*: a:5432, b:5432\.$/],
    ['a copy of a node', { ...a }, /an object named a:5432/],
    ['nothing', undefined, /returned undefined/],
    ['null', null, /returned null/],
    ['a name', 'a:5432', /returned a:5432/],
    ['an index', 1, /returned 1/],
    ['a promise', Promise.resolve(a), /returned a promise/],
    ['something else', {}, /returned an object without a name/],
  ])('by a policy of the user that returns %s is refused with PGHERD_INVALID_ARGUMENT', (_name, value, message) => {
    const policy = (() => value) as unknown as Policy;
    expect(() => chooseNode([[a, b], [c]], NONE, policy, CONTEXT)).toThrow(
      expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });

  it('by a policy that throws passes its error on', () => {
    const policy: Policy = () => {
      throw new Error('no idea');
    };
    expect(() => chooseNode([[a]], NONE, policy, CONTEXT)).toThrow('no idea');
  });
});
