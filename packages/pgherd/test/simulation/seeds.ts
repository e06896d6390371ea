import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Outcome, simulate } from './simulate.ts';

/** Seeds that one test runs, so that a slow machine meets no limit and a failure is found in seconds. */
const SEEDS_PER_TEST = 25;
/** Lines of the trace that are shown of a failure. */
const TAIL = 30;

/** How many seeds a run of the suite has: more where nobody waits for it. */
export function seedCount(): number {
  return process.env['CI'] === undefined ? 500 : 2_000;
}

/** What to do about a seed that failed, and what led to it. */
export function failureText({ scenario, violations, trace }: Outcome): string {
  return [
    `seed ${scenario.seed} (${scenario.mode}): ${violations.join('; ')}`,
    `replay it: npm run simulate -- --seed ${scenario.seed} --trace`,
    ...trace.slice(-TAIL),
  ].join('\n');
}

/** Makes the tests for every second seed, beginning with `first`: each test file, and so each process, has its share. */
export function testEverySecondSeed(first: 1 | 2): void {
  const { stackTraceLimit } = Error;
  // Thousands of errors are made for each that somebody looks at.
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });
  const end = seedCount();
  for (let from = first; from <= end; from += 2 * SEEDS_PER_TEST) {
    const seeds = Array.from({ length: SEEDS_PER_TEST }, (_, index) => from + 2 * index).filter(
      (seed) => seed <= end,
    );
    it(`seeds ${seeds[0]} to ${seeds.at(-1)}`, async () => {
      for (const seed of seeds) {
        const outcome = await simulate(seed);
        expect(outcome.violations, failureText(outcome)).toEqual([]);
      }
    });
  }
}
