import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMain } from './lib/findings.ts';

/** How many busy loops share a core with the tests. */
const LOOPS_PER_CORE = 4;

/** What `npm run repeat` is asked to do. */
export interface RepeatOptions {
  readonly file: string;
  readonly times: number;
  /** Run {@link LOOPS_PER_CORE} loops for each core beside: races show when the scheduler is short of time. */
  readonly busy: boolean;
}

/** Reads `FILE --times N --busy`; throws with the usage when the line makes no sense. */
export function parseRepeat(args: readonly string[]): RepeatOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { times: { type: 'string', default: '20' }, busy: { type: 'boolean', default: false } },
  });
  const [file, ...rest] = positionals;
  const times = Number(values.times);
  if (file === undefined || rest.length > 0 || !Number.isInteger(times) || times < 1) {
    throw new Error('Usage: npm run repeat -- FILE [--times 20] [--busy]');
  }
  return { file, times, busy: values.busy };
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
  const { file, times, busy } = parseRepeat(process.argv.slice(2));
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
