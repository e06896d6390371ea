import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Counts } from './steps.ts';

/** The part of Vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Longest part of a failure's message that a line shows, characters. */
const SHOWN = 300;

/**
 * One line for each test that failed: its file, its name and how its message begins. A log of which only the end is kept
 * still says what failed.
 */
export function failedTests(path: string): string[] {
  if (!existsSync(path)) return [];
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(process.cwd(), name);
    if (status === 'failed' && assertionResults.length === 0) return [`${file}: could not be loaded`];
    return assertionResults
      .filter((one) => one.status === 'failed')
      .map((one) => `${file}: ${one.fullName}: ${shortened(one.failureMessages?.[0])}`);
  });
}

function shortened(message = 'no message'): string {
  return message.replaceAll(/\s+/g, ' ').slice(0, SHOWN);
}

/**
 * Counts the tests of a Vitest JSON report. A file that could not be loaded counts as one failure, and so does a run
 * that failed although every test passed (an unhandled rejection, something left behind) or that wrote no report.
 */
export function countTests(path: string, runPassed: boolean): Counts {
  if (!existsSync(path)) return { passed: 0, failed: 1 };
  const report = JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + unloadable;
  return { passed: report.numPassedTests, failed: failed === 0 && !runPassed ? 1 : failed };
}
