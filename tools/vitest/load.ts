import { availableParallelism, loadavg } from 'node:os';
import { afterAll, afterEach, type RunnerTestSuite } from 'vitest';

/** How busy the machine is: the averages of the last minutes, and what they are to be held against. */
export function describeLoad(
  averages: readonly number[] = loadavg(),
  cores = availableParallelism(),
): string {
  const [one = 0, five = 0, fifteen = 0] = averages;
  return `load average ${[one, five, fifteen].map((value) => value.toFixed(1)).join(' ')} on ${cores} cores`;
}

/** Suites that failed by themselves, such as by a hook, from the outermost to the innermost. */
function failedSuites(suite: RunnerTestSuite): string[] {
  const nested = suite.tasks.flatMap((task) => (task.type === 'suite' ? failedSuites(task) : []));
  return (suite.result?.errors?.length ?? 0) > 0 ? [suite.name, ...nested] : nested;
}

// Vitest loads this before each test file: a failure on a machine that is out of breath can be told from any other.
afterEach(({ task }) => {
  if (task.result?.state === 'fail') console.error(`${task.name}: failed at a ${describeLoad()}`);
});

// biome-ignore lint/correctness/noEmptyPattern: Vitest wants to see which fixtures a hook takes.
afterAll(({}, suite) => {
  for (const name of failedSuites(suite)) console.error(`${name}: failed at a ${describeLoad()}`);
});
