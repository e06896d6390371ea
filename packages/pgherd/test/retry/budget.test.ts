import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Budget, type BudgetSettings, fullBudget, spend } from '../../src/retry/budget.ts';
import { classifyError } from '../../src/retry/classify.ts';
import {
  type Decision,
  type FailedAttempt,
  type Next,
  overruled,
  takesToken,
} from '../../src/retry/decide.ts';

const SETTINGS: BudgetSettings = { budget: 3, budgetRatio: 0.5, budgetPerSecond: 1 };

/** Spends as often as told at one moment; gives how many were allowed, and what is left. */
function spendTimes(times: number, from: Budget, now: number, answered: number, settings = SETTINGS) {
  let [budget, allowed] = [from, 0];
  for (let each = 0; each < times; each++) {
    const spent = spend(budget, settings, now, answered);
    budget = spent.budget;
    if (spent.allowed) allowed++;
  }
  return { allowed, budget };
}

describe('the budget of repeated attempts', () => {
  it('is full at first, and then used up', () => {
    expect(spendTimes(10, fullBudget(SETTINGS, 0, 0), 0, 0).allowed).toBe(3);
  });

  it('grows with the answers, with time, and never beyond its limit', () => {
    const empty = spendTimes(10, fullBudget(SETTINGS, 0, 0), 0, 0).budget;
    expect(spendTimes(10, empty, 0, 4).allowed).toBe(2);
    expect(spendTimes(10, empty, 1_000, 0).allowed).toBe(1);
    expect(spendTimes(10, empty, 500, 1).allowed).toBe(1);
    expect(spendTimes(10, empty, 3_600_000, 1_000).allowed).toBe(3);
  });

  it('of nothing allows nothing', () => {
    const none = { ...SETTINGS, budget: 0 };
    expect(spendTimes(10, fullBudget(none, 0, 0), 0, 0, none).allowed).toBe(0);
    expect(spendTimes(10, fullBudget(none, 0, 0), 60_000, 500, none).allowed).toBe(0);
  });

  it('does not shrink when a node takes its count of answers along, or time stands still', () => {
    const { budget } = spend(fullBudget(SETTINGS, 100, 50), SETTINGS, 100, 50);
    expect(spend(budget, SETTINGS, 100, 10).allowed).toBe(true);
  });

  it('never allows more than was saved up and earned', () => {
    const step = fc.record({ ms: fc.nat(2_000), answers: fc.nat(5), tries: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let [budget, now, answered, allowed] = [fullBudget(SETTINGS, 0, 0), 0, 0, 0];
        for (const { ms, answers, tries } of steps) {
          now += ms;
          answered += answers;
          const spent = spendTimes(tries, budget, now, answered);
          budget = spent.budget;
          allowed += spent.allowed;
        }
        expect(allowed).toBeLessThanOrEqual(3 + answered * 0.5 + now / 1_000 + 1e-6);
        expect(budget.tokens).toBeGreaterThanOrEqual(0);
        expect(budget.tokens).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe('what takes a token', () => {
  it.each<[string, Next, string, boolean]>([
    ['leaving a lost node for the first time', 'move-free', '57P01', false],
    ['leaving one again', 'move', '57P01', true],
    ['too many connections', 'back-off', '53300', true],
    ['transactions that met', 'back-off', '40001', false],
    ['a deadlock', 'back-off', '40P01', false],
    ['what is not run again', 'end', '53300', false],
  ])('%s', (_what, next, code, expected) => {
    const classification = classifyError(Object.assign(new Error(code), { code, severity: 'ERROR' }));
    expect(takesToken(next, classification)).toBe(expected);
  });
});

describe("the user's word", () => {
  const attempt: FailedAttempt = {
    phase: 'sent',
    classification: classifyError(undefined),
    readOnlyConnection: false,
    idempotent: false,
    atomic: true,
    attempts: 1,
    maxAttempts: 3,
    movedBefore: false,
    refusalConfirmed: false,
  };

  const MOVE: Decision = { next: 'move-free', ending: 'error' };
  const BACK_OFF: Decision = { next: 'back-off', ending: 'error' };
  const END: Decision = { next: 'end', ending: 'error' };
  const UNKNOWN: Decision = { next: 'end', ending: 'unknown' };
  const UNKNOWN_AGAIN: Decision = { next: 'back-off', ending: 'unknown' };

  it.each<[Decision, boolean | undefined, number, Decision]>([
    [MOVE, undefined, 1, MOVE],
    [MOVE, true, 1, MOVE],
    [MOVE, false, 1, END],
    [BACK_OFF, false, 1, END],
    [END, true, 1, BACK_OFF],
    [END, true, 3, END],
    [UNKNOWN, true, 1, UNKNOWN_AGAIN],
    [UNKNOWN, true, 3, UNKNOWN],
    [UNKNOWN, false, 1, UNKNOWN],
    [UNKNOWN, undefined, 1, UNKNOWN],
    [END, false, 1, END],
  ])('%o, answer %s after attempt %i: %o', (decision, answer, attempts, expected) => {
    expect(overruled(decision, answer, { ...attempt, attempts })).toEqual(expected);
  });
});
