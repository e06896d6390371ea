import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chown, mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { canReach, type PortReservation, type RunUser } from '@pgherd/testing/internal';
import type { Programs } from './programs.ts';

/** Where everything listens. */
export const HOST = '127.0.0.1';

/** What all nodes of a cluster share. */
export interface Site {
  readonly programs: Programs;
  readonly user: RunUser;
  readonly directory: string;
  readonly ports: PortReservation;
  readonly etcdPort: number;
  /** Where the Patroni of each node reaches etcd, by its number; empty if all do so directly. */
  readonly storePorts: readonly number[];
}

/** Starts a program of the site, with its output in a file of the directory. */
export async function run(
  site: Site,
  name: string,
  program: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const cwd = path.join(site.directory, name);
  await mkdir(cwd, { recursive: true });
  await chown(cwd, site.user.uid, site.user.gid);
  const log = openSync(logOf(site, name), 'a');
  try {
    const child = spawn(program, args, {
      // The working directory is how the supervisor knows whom to end when the test process dies.
      cwd,
      ...site.user.spawnAs,
      stdio: ['ignore', log, log],
      env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC', ETCD_UNSUPPORTED_ARCH: process.arch },
    });
    await once(child, 'spawn');
    return child;
  } finally {
    closeSync(log);
  }
}

/** The file with the output of a program. */
export function logOf(site: Site, name: string): string {
  return path.join(site.directory, `${name}.log`);
}

/** Makes the directory of a site where the user of the servers can reach it. */
export async function makeDirectory(user: RunUser): Promise<string> {
  const chosen = process.env['PGHERD_TESTING_DIR'];
  const folders = chosen === undefined ? [os.tmpdir(), '/tmp', '/var/tmp'] : [chosen];
  for (const folder of folders) {
    if (!(await canReach(folder, user))) continue;
    const directory = await mkdtemp(path.join(folder, 'pgherd-patroni-'));
    await chown(directory, user.uid, user.gid);
    return directory;
  }
  throw new Error(
    `none of ${folders.join(', ')} can be entered by the user ${user.uid} that runs the servers`,
  );
}
