import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf, TestClusterError } from '../errors.ts';

const run = promisify(execFile);

/** The operating system's user that the servers run as. */
export interface RunUser {
  readonly uid: number;
  readonly gid: number;
  /** Set when we are root and the servers must be started as another user: goes into the options of `spawn`. */
  readonly spawnAs: { readonly uid: number; readonly gid: number } | undefined;
}

let found: Promise<RunUser> | undefined;

/**
 * PostgreSQL refuses to run as root. So when we are root the servers run as `PGHERD_TESTING_USER` (default `nobody`),
 * otherwise as ourselves.
 */
export function findRunUser(): Promise<RunUser> {
  found ??= lookUp();
  return found;
}

async function lookUp(): Promise<RunUser> {
  const uid = process.getuid?.();
  const gid = process.getgid?.();
  if (uid === undefined || gid === undefined) {
    throw new TestClusterError(`Test clusters run on Linux and macOS; this is ${process.platform}.`);
  }
  if (uid !== 0) return { uid, gid, spawnAs: undefined };
  const name = process.env['PGHERD_TESTING_USER'] ?? 'nobody';
  try {
    const [user, group] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    const spawnAs = { uid: Number(user.stdout), gid: Number(group.stdout) };
    return { ...spawnAs, spawnAs };
  } catch (error) {
    throw new TestClusterError(
      `PostgreSQL refuses to run as root, and the user '${name}' to run it as does not exist: ${messageOf(error)}. ` +
        'Set PGHERD_TESTING_USER to an existing unprivileged user, or do not run as root.',
      { cause: error },
    );
  }
}

/** Whether the user can read and enter everything on the way to this file or folder, judged by the permission bits. */
export async function canReach(target: string, user: RunUser): Promise<boolean> {
  if (user.uid === 0) return true;
  for (let place = path.resolve(target); ; place = path.dirname(place)) {
    try {
      const { uid, gid, mode } = await stat(place);
      const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
      const needed = place === path.resolve(target) ? 5 : 1;
      if (((mode >> shift) & needed) !== needed) return false;
    } catch {
      return false;
    }
    if (place === path.dirname(place)) return true;
  }
}
