import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMain } from './lib/findings.ts';

/** How many busy loops share a core with the tests. */
const LOOPS_PER_CORE = 4;

const DEFAULT_TIMES = 20;
const USAGE = `Usage: npm run repeat -- FILE [options]

Runs one test file again and again, each time in a process of its own, and ends at the first run that fails.

  --times N  runs (default ${DEFAULT_TIMES})
  --busy     run ${LOOPS_PER_CORE} busy loops for each core beside: races show when the scheduler is short of time
  --help     print this
`;

/** What `npm run repeat` is asked to do. */
export interface RepeatOptions {
  readonly file: string;
  readonly times: number;
  /** Run {@link LOOPS_PER_CORE} loops for each core beside: races show when the scheduler is short of time. */
  readonly busy: boolean;
}

/**
 * Reads `FILE --times N --busy`; `undefined` for `--help`.
 * @throws Error that says what is wrong, with the usage below it.
 */
export function parseRepeat(args: readonly string[]): RepeatOptions | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const [file, ...rest] = positionals;
  const times = Number(values.times);
  if (file === undefined) throw unusable('No test file is named.');
  if (rest.length > 0) throw unusable(`Only one file can be repeated, and ${rest.join(', ')} came after it.`);
  if (!Number.isInteger(times) || times < 1)
    throw unusable(`--times is ${JSON.stringify(values.times)}, but must be a whole number above 0.`);
  return { file, times, busy: values.busy };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        times: { type: 'string', default: String(DEFAULT_TIMES) },
        busy: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : String(error));
  }
}

function unusable(why: string): Error {
  return new Error(`${why}\n\n${USAGE}`);
}

/** Calls `run` up to `times` times; the number of the first run that failed, or `undefined`. */
export async function repeat(
  times: number,
  run: (round: number) => Promise<boolean>,
): Promise<number | undefined> {
  for (let round = 1; round <= times; round += 1) {
    if (!(await run(round))) return round;
  }
  return undefined;
}

/** Runs the test file by itself; whether it passed. */
async function runFile(file: string): Promise<boolean> {
  const child = spawn('npx', ['vitest', 'run', '--reporter=dot', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}

/** Processes that do nothing as fast as they can; each ends with us. */
function startBusyLoops(): ChildProcess[] {
  const loop = `const parent = ${process.pid};
    for (;;) {
      for (let i = 0; i < 1e9; i += 1);
      try { process.kill(parent, 0) } catch { process.exit() }
    }`;
  const count = LOOPS_PER_CORE * availableParallelism();
  return Array.from({ length: count }, () => spawn(process.execPath, ['--eval', loop], { stdio: 'ignore' }));
}

async function main(): Promise<void> {
  const options = parseRepeat(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const { file, times, busy } = options;
  const loops = busy ? startBusyLoops() : [];
  try {
    const failed = await repeat(times, (round) => {
      console.log(`\n── run ${round} of ${times}`);
      return runFile(file);
    });
    console.log(
      failed === undefined
        ? `\n${file}: ${times} of ${times} runs passed`
        : `\n${file}: run ${failed} failed`,
    );
    process.exitCode = failed === undefined ? 0 : 1;
  } finally {
    for (const loop of loops) loop.kill('SIGKILL');
  }
}

if (isMain(import.meta.url)) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  });
}
