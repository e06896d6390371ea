import { parseArgs } from 'node:util';
import { rendered, summarize } from './report.ts';
import { type PlannedFault, schedule } from './schedule.ts';
import { type FaultReport, Soak } from './soak.ts';
import { CALLS_PER_SECOND } from './workload.ts';

const USAGE = 'Usage: npm run chaos -- [--minutes 1] [--seed S] [--nodes 3] [--rate 200] [--json]';

interface Arguments {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
  /** Calls a second. */
  readonly rate: number;
  readonly json: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      nodes: { type: 'string', default: '3' },
      rate: { type: 'string', default: String(CALLS_PER_SECOND) },
      json: { type: 'boolean', default: false },
    },
  });
  const [minutes, seed, nodes] = [Number(values.minutes), Number(values.seed), Number(values.nodes)];
  const wrong = (rule: string): never => {
    throw new Error(`${rule} ${USAGE}`);
  };
  if (!(minutes > 0 && minutes <= 10_000))
    wrong(`--minutes: '${values.minutes}' is not a number up to 10,000.`);
  if (!Number.isSafeInteger(seed) || seed < 0) wrong(`--seed: '${values.seed}' is not a whole number.`);
  if (!Number.isInteger(nodes) || nodes < 3 || nodes > 9) {
    wrong(
      `--nodes: '${values.nodes}' is not a whole number from 3 to 9: a lost primary must leave a quorum.`,
    );
  }
  const rate = Number(values.rate);
  if (!(rate >= 1 && rate <= 2_000)) wrong(`--rate: '${values.rate}' is not a number from 1 to 2,000.`);
  return { minutes, seed, nodes, rate, json: values.json };
}

function progressLine(number: number, { calmMs, holdMs }: PlannedFault, report: FaultReport): string {
  const { name, durationMs, calls, unknownOutcome, failedCalls, longestGapMs, violations } = report;
  const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`;
  return (
    `${String(number).padStart(4)} ${name} (after ${calmMs} ms, for ${holdMs} ms): ${Math.round(durationMs)} ms, ` +
    `${calls} calls, ${unknownOutcome} unknown, ${failedCalls} failed, gap ${Math.round(longestGapMs)} ms, ${verdict}`
  );
}

/** Faults of the seed until the time is up or somebody presses Ctrl-C; the exit code is 1 when an invariant failed. */
async function main(): Promise<void> {
  const { minutes, seed, nodes, rate, json } = readArguments();
  const say = json ? console.error : console.log;
  let stopping = false;
  process.once('SIGINT', () => {
    stopping = true;
    say('Ending after this fault; once more ends at once.');
  });
  say(`seed ${seed}, ${nodes} nodes, ${rate} calls a second, ${minutes} minutes`);
  const startedAt = performance.now();
  const soak = await Soak.start(nodes, rate);
  const reports: FaultReport[] = [];
  const violations: string[] = [];
  const overMinutes = () => (performance.now() - startedAt) / 60_000;
  try {
    for (const planned of schedule(seed)) {
      if (stopping || overMinutes() >= minutes) break;
      const report = await soak.inflict(planned);
      reports.push(report);
      say(progressLine(reports.length, planned, report));
      for (const violation of report.violations) {
        say(`       ${violation}`);
        violations.push(`fault ${reports.length}, ${report.name}: ${violation}`);
      }
    }
  } finally {
    violations.push(...(await soak.close()).map((each) => `at the end: ${each}`));
  }
  const report = { seed, minutes: overMinutes(), nodes, rate, ...summarize(reports), violations };
  if (json) console.log(JSON.stringify(report, undefined, 2));
  else console.log(`\n${rendered(report)}`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
