import { loadavg } from 'node:os';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { PEER_PROGRAMS, preparePrograms, type ReadyPrograms } from './peer-programs.ts';
import { writeResults } from './results.ts';
import { medianSteps } from './steps.ts';
import { type Summary, summarize } from './summary.ts';
import { renderTable } from './table.ts';
import { runTrial, type TrialReport } from './trial.ts';

type Work = Pick<Parameters<typeof runTrial>[0], 'scenario' | 'mode' | 'client'>;

/** Every scenario in every mode; within each, the clients take turns, and another one begins each time. */
async function run(
  options: BenchOptions,
  programs: ReadyPrograms,
  versions: Record<string, string>,
): Promise<Summary[]> {
  const summaries: Summary[] = [];
  for (const scenario of options.scenarios) {
    for (const mode of options.modes) {
      const clients = options.clients.filter((one) => one.hasPicture || !scenario.idle);
      const reports = new Map<Work['client'], TrialReport[]>(clients.map((one) => [one, []]));
      const loads: number[] = [];
      for (let trial = 0; trial < options.trials; trial++) {
        for (const client of rotated(clients, trial)) {
          const { load, steps } = options;
          loads.push(loadavg()[0] ?? 0);
          const report = await runTrial({ scenario, mode, client, load, steps, programs });
          reports.get(client)?.push(report);
          versions[client.name] = report.version ?? '';
          progress({ scenario, mode, client }, trial, options.trials, report);
        }
      }
      for (const [client, those] of reports) {
        const of = { scenario: scenario.name, mode: mode.name, client: client.name };
        const results = those.map((report) => report.result);
        summaries.push(summarize(of, results, loads));
        if (options.steps && client.name === 'pgherd') printSteps(of, those);
      }
    }
  }
  return summaries;
}

/** Those that need no other runtime, and those whose runtime is there. */
function presentClients({ clients }: BenchOptions, programs: ReadyPrograms): BenchOptions['clients'] {
  const absent = PEER_PROGRAMS.filter(({ name }) => programs.of(name) === undefined).map(
    ({ name }) => `${name}`,
  );
  return clients.filter(({ name }) => !absent.includes(name));
}

function rotated<T>(all: readonly T[], by: number): T[] {
  const start = by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function progress(work: Work, trial: number, trials: number, { result, errors }: TrialReport): void {
  const what = `${work.scenario.name} ${work.mode.name} ${work.client.name} ${trial + 1}/${trials}`;
  const first = result.firstWriteMs === undefined ? 'never' : `${result.firstWriteMs} ms`;
  const silent = result.noNewWorkMs === undefined ? '' : `, no new work after ${result.noNewWorkMs} ms`;
  const { failedCalls, unknownOutcome, lostWrites, staleWrites, lateWrites } = result;
  process.stderr.write(
    `${what}: first write ${first}${silent}, ${failedCalls} of ${result.calls} failed, ${unknownOutcome} unknown, ` +
      `${lostWrites} lost, ${staleWrites} stale, ${lateWrites} late\n`,
  );
  for (const [message, count] of errors) process.stderr.write(`    ${count} × ${message}\n`);
}

function printSteps(of: { scenario: string; mode: string }, reports: readonly TrialReport[]): void {
  process.stderr.write(`pgherd, ${of.scenario} ${of.mode}: median ms after the promotion\n`);
  for (const [name, ms] of medianSteps(reports.map((report) => report.steps))) {
    process.stderr.write(`    ${name.padEnd(22)} ${ms ?? '-'}\n`);
  }
}

async function main(): Promise<void> {
  let options: BenchOptions | undefined;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  process.stdout.write(await measure(options));
}

async function measure(options: BenchOptions): Promise<string> {
  const names = options.clients.map(({ name }) => name);
  const report = (line: string) => void process.stderr.write(`${line}\n`);
  await using programs = await preparePrograms(names, options.python, report);
  const versions: Record<string, string> = {};
  const present = { ...options, clients: presentClients(options, programs) };
  const summaries = await run(present, programs, versions);
  if (options.file !== undefined) await writeResults(options.file, 'bench:failover', summaries, versions);
  return options.json ? `${JSON.stringify(summaries, undefined, 2)}\n` : renderTable(summaries);
}

await main();
// Clients whose calls never settle would keep the process alive.
process.exit();
