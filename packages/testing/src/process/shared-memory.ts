import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Removes the System V segment that a killed server left. A restart of the server would do so, but with the directory its name
 * would be lost. It stands in line 7 of the pid file: key and id.
 */
export async function releaseSharedMemory(dataDirectory: string): Promise<void> {
  const text = await readFile(path.join(dataDirectory, 'postmaster.pid'), 'utf8').catch(() => '');
  const id = text.split('\n')[6]?.trim().split(/\s+/)[1];
  if (id) await run('ipcrm', ['-m', id]).catch(() => {});
}
