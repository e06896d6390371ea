import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** One thing that `npm run check` or `npm run test:full` runs. */
export interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** A step that failed makes those that name it pointless: they are counted as failed and not run. */
  readonly needs?: string | undefined;
  /** Counts what happened inside; without it the step counts as one. */
  readonly count?: ((passed: boolean) => Counts) | undefined;
}

/** How many passed and failed: tests, and checks as one each. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** What a step came to. */
export interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly counts: Counts;
}

/** Runs all steps one after the other, also when one fails, and returns what each came to. */
export async function runSteps(steps: readonly Step[], log: (line: string) => void): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    const blocked = outcomes.some(({ name, passed }) => name === step.needs && !passed);
    log(`\n── ${step.name}${blocked ? `: not run, because ${step.needs} failed` : ''}`);
    const started = process.hrtime.bigint();
    const passed = !blocked && (await exitCodeOf(step.command)) === 0;
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    const counts = blocked ? one(false) : (step.count?.(passed) ?? one(passed));
    outcomes.push({ name: step.name, passed: passed && counts.failed === 0, seconds, counts });
  }
  return outcomes;
}

/** The sum over all steps. */
export function totalOf(outcomes: readonly Outcome[]): Counts {
  return outcomes.reduce<Counts>(
    (sum, { counts }) => ({ passed: sum.passed + counts.passed, failed: sum.failed + counts.failed }),
    { passed: 0, failed: 0 },
  );
}

/** One line for each step. */
export function formatOutcomes(outcomes: readonly Outcome[]): string {
  return outcomes
    .map(({ name, passed, seconds }) => `${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`)
    .join('\n');
}

function one(passed: boolean): Counts {
  return passed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function exitCodeOf([command, ...args]: readonly [string, ...string[]]): Promise<number> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? 1;
  } catch (error) {
    console.error(String(error));
    return 1;
  }
}
