import { parseArgs } from 'node:util';
import { DEFAULT_SECONDS, type Outcome, simulate } from './simulate.ts';

const USAGE =
  'Usage: npm run simulate -- [--seeds 1000] [--from 1] [--seed S [--trace]] [--seconds N] [--first-failure]';
/** Lines of the trace that are shown of a failure. */
const TAIL = 40;
/** Failures after which there is no point in going on. */
const ENOUGH = 20;

interface Request {
  readonly from: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly trace: boolean;
  readonly firstFailure: boolean;
}

function parse(args: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      trace: { type: 'boolean', default: false },
      'first-failure': { type: 'boolean', default: false },
    },
  });
  const from = Number(values.seed ?? values.from);
  const seeds = values.seed === undefined ? Number(values.seeds) : 1;
  const seconds = Number(values.seconds);
  if (!Number.isInteger(from) || !(seeds >= 1) || !(seconds > 0)) throw new Error(USAGE);
  return { from, seeds, seconds, trace: values.trace, firstFailure: values['first-failure'] };
}

function report(outcome: Outcome, request: Request): void {
  const { scenario, violations, trace } = outcome;
  console.log(`seed ${scenario.seed} (${scenario.mode}) fails: ${violations[0]}`);
  const seconds = request.seconds === DEFAULT_SECONDS ? '' : ` --seconds ${request.seconds}`;
  console.log(`  replay it: npm run simulate -- --seed ${scenario.seed}${seconds} --trace`);
  if (request.trace) return;
  for (const line of trace.slice(-TAIL)) console.log(`  | ${line}`);
}

// Thousands of errors are made for each that somebody looks at.
Error.stackTraceLimit = 0;
const request = parse(process.argv.slice(2));
let failures = 0;
let happenings = 0;
let running = request.from;
process.on('unhandledRejection', (error) => {
  console.log(`seed ${running} leaves a rejection that nobody handles: ${String(error)}`);
  process.exit(1);
});
const startedAt = performance.now();
for (let count = 0; count < request.seeds; count++) {
  running = request.from + count;
  const outcome = await simulate(running, request.seconds);
  happenings += outcome.happenings;
  if (request.trace) for (const line of outcome.trace) console.log(line);
  if (request.seeds === 1) console.log(`hash ${outcome.hash}`);
  if (outcome.violations.length > 0) {
    failures++;
    report(outcome, request);
    if (request.firstFailure || failures >= ENOUGH) break;
  }
  if ((count + 1) % 1_000 === 0) console.log(`${count + 1} seeds, ${failures} failures`);
}
const seconds = (performance.now() - startedAt) / 1_000;
const done = running - request.from + 1;
console.log(
  `${done} seeds, ${failures} failures, ${(done / seconds).toFixed(0)} seeds/s, ${Math.round(happenings / done)} happenings per seed`,
);
process.exitCode = failures === 0 ? 0 : 1;
