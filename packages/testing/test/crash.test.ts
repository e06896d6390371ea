import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { waitUntil } from '../src/index.ts';
import { isAlive, processesWorkingIn } from './helpers.ts';

const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));

interface Report {
  readonly directories: readonly string[];
  readonly pids: readonly number[];
}

async function reportOf(output: NodeJS.ReadableStream): Promise<Report> {
  for await (const line of createInterface({ input: output })) {
    if (line.startsWith('{')) return JSON.parse(line) as Report;
  }
  throw new Error('the child ended without a report');
}

it.each([
  'SIGKILL',
  'SIGINT',
  'exit',
  'throw',
] as const)('nothing is left when the test process ends by %s', async (how) => {
  const run = spawn(process.execPath, ['--import', 'tsx', '--conditions=@pgherd/source', child, how], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { directories, pids } = await reportOf(run.stdout);
  expect(directories.length).toBe(2);
  expect(pids.length).toBe(2);
  if (how === 'SIGKILL' || how === 'SIGINT') run.kill(how);
  await waitUntil(() => run.exitCode !== null || run.signalCode !== null, {
    what: 'the test process to end',
  });
  await waitUntil(() => pids.every((pid) => !isAlive(pid)), { what: 'its servers to be gone' });
  await waitUntil(() => directories.every((each) => !existsSync(each)), {
    what: 'their directories to be gone',
  });
  expect(directories.flatMap(processesWorkingIn)).toEqual([]);
});
