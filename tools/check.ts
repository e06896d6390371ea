import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { formatOutcomes, runSteps, type Step, totalOf } from './lib/steps.ts';
import { countTests, failedTests } from './lib/vitest-report.ts';

const REPORT = 'temp/vitest.json';
const SUMMARY = 'temp/summary.txt';

/** Every check, cheapest first. What needs the build says so, and builds nothing itself. */
const CHECKS: readonly Step[] = [
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'types', command: ['npm', 'run', '--silent', 'types'] },
  { name: 'layers', command: ['npx', 'tsx', 'tools/layers.ts'] },
  { name: 'patterns', command: ['npx', 'tsx', 'tools/patterns.ts'] },
  { name: 'docs', command: ['npx', 'tsx', 'tools/docs-check.ts'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  { name: 'api', command: ['npx', 'tsx', 'tools/api.ts'], needs: 'build' },
  { name: 'packages', command: ['npx', 'tsx', 'tools/package-check.ts'], needs: 'build' },
  { name: 'runtimes', command: ['npx', 'tsx', 'tools/runtimes.ts'], needs: 'build' },
];

/** Takes minutes and a gigabyte from the registry: with the tests only. */
const MATRIX: Step = { name: 'matrix', command: ['npx', 'tsx', 'tools/matrix.ts'], needs: 'build' };

/** Libraries in their newest versions on one cluster, through faults. */
const EXAMPLES: Step = { name: 'examples', command: ['npx', 'tsx', 'tools/examples.ts'], needs: 'build' };

/** The documents as pages: fetches the generator from the registry, which takes some seconds. */
const SITE: Step = { name: 'site', command: ['npx', 'tsx', 'tools/site.ts'] };

/** The whole suite; the JSON report beside the readable one is what gets counted. */
const TESTS: Step = {
  name: 'tests',
  command: ['npx', 'vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`],
  count: (passed) => countTests(REPORT, passed),
};

rmSync(REPORT, { force: true });
mkdirSync('temp', { recursive: true });
const outcomes = await runSteps(
  process.argv.includes('--with-tests') ? [...CHECKS, SITE, MATRIX, EXAMPLES, TESTS] : CHECKS,
  console.log,
);
const { passed, failed } = totalOf(outcomes);
console.log(`\n${formatOutcomes(outcomes)}`);
for (const line of failedTests(REPORT)) console.log(`       ${line}`);
// For `.ci/run`, which prints it last; the words are what it looks for.
writeFileSync(SUMMARY, `${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
