import { parseArgs } from 'node:util';
import { type SplitBrainTrial, splitBrainCluster, splitBrainTrial } from './split-brain.ts';

const USAGE = 'Usage: npm run trial:split-brain -- [--trials 10] [--json]';
/** More numbers than one trial can give out. */
const IDS_PER_TRIAL = 100_000;

function readArguments(): { readonly trials: number; readonly json: boolean } {
  const { values } = parseArgs({
    options: { trials: { type: 'string', default: '10' }, json: { type: 'boolean', default: false } },
  });
  const trials = Number(values.trials);
  if (!Number.isInteger(trials) || trials < 1 || trials > 10_000) {
    throw new Error(`--trials: '${values.trials}' is not a whole number from 1 to 10,000. ${USAGE}`);
  }
  return { trials, json: values.json };
}

function lineOf(number: number, trial: SplitBrainTrial): string {
  const { seenAfterMs, writesBefore, failedCalls, unknownOutcome, violations } = trial;
  const verdict = violations.length === 0 ? 'no write below' : `${violations.length} WRITES BELOW`;
  return (
    `trial ${number}: seen after ${seenAfterMs} ms, ${writesBefore} writes until then, ` +
    `${unknownOutcome} unknown, ${failedCalls} failed, ${verdict}`
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs the trials on one cluster, every other one without reads; the exit code is 1 when a write reached the lower timeline or a call failed. */
async function main(): Promise<void> {
  const { trials, json } = readArguments();
  const say = json ? () => undefined : console.log;
  const results: SplitBrainTrial[] = [];
  let stopped = false;
  process.once('SIGINT', () => {
    stopped = true;
  });
  await using cluster = await splitBrainCluster();
  for (let number = 1; number <= trials && !stopped; number++) {
    const trial = await splitBrainTrial(cluster, {
      firstId: number * IDS_PER_TRIAL,
      reads: number % 2 === 1,
    });
    results.push(trial);
    say(lineOf(number, trial));
    for (const violation of trial.violations) say(`  ${violation}`);
  }
  const clean = results.filter((each) => each.violations.length === 0).length;
  const failedCalls = results.reduce((sum, each) => sum + each.failedCalls, 0);
  const seen = results.map((each) => each.seenAfterMs);
  const summary = {
    trials: results.length,
    clean,
    failedCalls,
    unknownOutcome: results.reduce((sum, each) => sum + each.unknownOutcome, 0),
    seenAfterMs: { median: median(seen), max: Math.max(...seen) },
  };
  if (json) console.log(JSON.stringify({ ...summary, results }, undefined, 2));
  say(
    `\n${clean} of ${results.length} trials without a write on the lower timeline; ${failedCalls} failed calls, ` +
      `${summary.unknownOutcome} unknown; seen after ${summary.seenAfterMs.median} ms (median), ${summary.seenAfterMs.max} ms (most)`,
  );
  process.exitCode = clean === results.length && failedCalls === 0 ? 0 : 1;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
