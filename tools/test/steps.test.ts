import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Counts, formatOutcomes, runSteps, totalOf } from '../lib/steps.ts';
import { countTests, failedTests } from '../lib/vitest-report.ts';
import { repository } from './fixture.ts';

const silent = (): void => {};

function report(root: string, content: object): string {
  const path = join(root, 'report.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
}

describe('steps', () => {
  test('all run, and each counts as one unless it counts itself', async () => {
    const count = (): Counts => ({ passed: 40, failed: 2 });
    const outcomes = await runSteps(
      [
        { name: 'good', command: ['true'] },
        { name: 'bad', command: ['false'] },
        { name: 'not there', command: ['./no-such-command'] },
        { name: 'blocked', command: ['true'], needs: 'bad' },
        { name: 'counting', command: ['true'], count },
      ],
      silent,
    );
    expect(totalOf(outcomes)).toEqual({ passed: 41, failed: 5 });
    expect(formatOutcomes(outcomes)).toMatch(
      /^ok {5}good .*\nFAILED bad .*\nFAILED not there .*\nFAILED blocked /,
    );
  });
});

describe('counting tests', () => {
  const clean = { numPassedTests: 3, numFailedTests: 0, testResults: [] };

  test('adds files that could not be loaded to the failures', () => {
    const testResults = [{ status: 'failed', assertionResults: [] }];
    const path = report(repository(), { ...clean, numFailedTests: 1, testResults });
    expect(countTests(path, false)).toEqual({ passed: 3, failed: 2 });
  });

  test('counts a run that failed without a failed test as one failure', () => {
    expect(countTests(report(repository(), clean), false)).toEqual({ passed: 3, failed: 1 });
  });

  test('counts a run without a report as one failure', () => {
    expect(countTests(join(repository(), 'nothing.json'), true)).toEqual({ passed: 0, failed: 1 });
  });

  test('counts a clean run', () => {
    expect(countTests(report(repository(), clean), true)).toEqual({ passed: 3, failed: 0 });
  });
});

describe('naming failed tests', () => {
  test('gives a line for each, with the file and how the message begins', () => {
    const root = repository();
    const assertionResults = [
      { status: 'passed', fullName: 'holds' },
      { status: 'failed', fullName: 'breaks', failureMessages: ['expected 1\n  to be 2', 'more'] },
      { status: 'failed', fullName: 'says nothing' },
    ];
    const testResults = [
      { name: join(process.cwd(), 'a.test.ts'), status: 'failed', assertionResults },
      { name: join(process.cwd(), 'b.test.ts'), status: 'failed', assertionResults: [] },
    ];
    const path = report(root, { numPassedTests: 1, numFailedTests: 2, testResults });
    expect(failedTests(path)).toEqual([
      'a.test.ts: breaks: expected 1 to be 2',
      'a.test.ts: says nothing: no message',
      'b.test.ts: could not be loaded',
    ]);
  });

  test('has nothing to say where there is no report', () => {
    expect(failedTests(join(repository(), 'nothing.json'))).toEqual([]);
  });
});
