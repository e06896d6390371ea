import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { hasCode, messageOf, TestClusterError } from '../errors.ts';
import { canReach, findRunUser } from './run-user.ts';

/**
 * Where downloaded servers, copied binaries and template directories are kept: `PGHERD_TESTING_CACHE`, else
 * `pgherd-testing` in the user's cache folder (for root `/var/cache`, since the unprivileged user who runs the servers
 * cannot look into root's home). The folder may be deleted at any time when no test runs.
 */
export function cacheDirectory(): string {
  const chosen = process.env['PGHERD_TESTING_CACHE'];
  if (chosen) return path.resolve(chosen);
  return path.join(cacheHome(), 'pgherd-testing');
}

function cacheHome(): string {
  if (process.platform === 'darwin') {
    return process.getuid?.() === 0 ? '/Library/Caches' : path.join(os.homedir(), 'Library', 'Caches');
  }
  if (process.getuid?.() === 0) return '/var/cache';
  return process.env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache');
}

/** Whether something lies there. */
export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch {
    return false;
  }
}

/**
 * Returns `<cache>/<name>`, built by `build` if it is not there yet. It is built beside its place and renamed into it, so
 * several processes may do so at once: the first wins, the others throw theirs away.
 */
export async function cached(name: string, build: (directory: string) => Promise<void>): Promise<string> {
  const place = path.join(cacheDirectory(), name);
  if (await exists(place)) return place;
  const parent = await openFolder(path.dirname(place));
  const draft = await mkdtemp(path.join(parent, `.build-${process.pid}-`));
  try {
    await chmod(draft, 0o755);
    await build(draft);
    await rename(draft, place);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!hasCode(error, 'EEXIST', 'ENOTEMPTY')) throw error;
  }
  return place;
}

async function openFolder(folder: string): Promise<string> {
  const user = await findRunUser();
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new TestClusterError(
      `The cache folder ${folder} cannot be made: ${messageOf(error)}. Set PGHERD_TESTING_CACHE to a writable folder.`,
      { cause: error },
    );
  }
  if (!(await canReach(folder, user))) {
    throw new TestClusterError(
      `The cache folder ${folder} cannot be read by the user ${user.uid} that the servers run as. ` +
        'Set PGHERD_TESTING_CACHE to a folder that every user can enter.',
    );
  }
  return folder;
}
