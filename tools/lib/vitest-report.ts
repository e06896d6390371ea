import { existsSync, readFileSync } from 'node:fs';
import type { Counts } from './steps.ts';

/** The part of Vitest's JSON report that is counted. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
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
