import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { hasCode } from '../errors.ts';

/**
 * Claims something for this process by a file of that name: true if it is ours now. The file of a process that has died is removed, so
 * that the next attempt can succeed.
 */
export function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  if (isAbandoned(file)) unlinkIfThere(file);
  return false;
}

function isAbandoned(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    return owner > 0 && !isAlive(owner);
  } catch {
    return false;
  }
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

/** Removes a file; nothing if there is none. */
export function unlinkIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
