import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TestClusterError } from '../errors.ts';
import type { PostgresInstallation } from '../postgres/ensure.ts';
import { cached } from '../process/cache.ts';
import type { RunUser } from '../process/run-user.ts';

/** Run in single-user mode, one statement a line. */
const SETUP = [
  "set password_encryption = 'scram-sha-256'",
  "create role app login password 'app'",
  'create database app owner app',
  '',
].join('\n');

/**
 * Small numbers: a standby refuses to start with less than the control file records, and the cluster's own settings may ask
 * for little.
 */
const SETUP_SETTINGS = [
  'max_connections=5',
  'max_wal_senders=1',
  'max_worker_processes=1',
  'max_locks_per_transaction=10',
  'wal_level=replica',
  'fsync=off',
  'shared_buffers=16MB',
].flatMap((setting) => ['-c', setting]);

/**
 * A data directory with the role `app` and its database, made once per version, machine and user, and copied for every node.
 * All clusters made from it share the system identifier.
 */
export async function ensureTemplate(postgres: PostgresInstallation, user: RunUser): Promise<string> {
  const recipe = createHash('sha256')
    .update(JSON.stringify([postgres.binDir, SETUP, SETUP_SETTINGS, initdbArguments('')]))
    .digest('hex')
    .slice(0, 12);
  const name = path.join(
    'templates',
    `${postgres.version}-${process.platform}-${process.arch}-${user.uid}-${recipe}`,
  );
  const place = await cached(name, async (draft) => {
    await giveTo(draft, user);
    await buildDataDirectory(path.join(draft, 'data'), postgres, user);
    await chmod(draft, 0o755);
  });
  return path.join(place, 'data');
}

/** Makes the owner of a file or folder the user who runs the servers. */
export async function giveTo(place: string, user: RunUser): Promise<void> {
  if (user.spawnAs) await chown(place, user.uid, user.gid);
}

/** A new data directory with an identity of its own; its parent must belong to the user. */
export async function buildDataDirectory(
  directory: string,
  postgres: PostgresInstallation,
  user: RunUser,
): Promise<void> {
  const cwd = path.dirname(directory);
  await runAs(user, cwd, path.join(postgres.binDir, 'initdb'), initdbArguments(directory));
  await writeFile(path.join(directory, 'node.conf'), '');
  await giveTo(path.join(directory, 'node.conf'), user);
  const single = ['--single', '-D', directory, ...SETUP_SETTINGS, 'postgres'];
  await runAs(user, cwd, path.join(postgres.binDir, 'postgres'), single, SETUP);
}

function initdbArguments(directory: string): string[] {
  return ['-D', directory, '--no-sync', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'];
}

/** Copies a data directory of a stopped server to a place that does not exist yet, as the user who is to own it. */
export async function copyStopped(from: string, to: string, user: RunUser): Promise<void> {
  await runAs(user, path.dirname(to), 'cp', [...COPY_FLAGS, from, to]);
}

/**
 * Copies files and folders into a folder, as the user who is to own them. Of a running server files may vanish while
 * they are copied.
 */
export async function copyTrees(
  sources: readonly string[],
  into: string,
  user: RunUser,
  tolerance?: 'files may vanish',
): Promise<void> {
  const forgive = tolerance ? /^cp: .*: No such file or directory$/ : undefined;
  await runAs(user, into, 'cp', [...COPY_FLAGS, ...sources, `${into}/`], '', forgive);
}

/** Shares blocks where the file system can; does not write the zeros of WAL files. */
const COPY_FLAGS: readonly string[] =
  process.platform === 'linux' ? ['-a', '--reflink=auto', '--sparse=always'] : ['-Rp'];

/**
 * Runs a program as the user of the servers; its output is part of the error. A failure whose every line is forgiven is
 * none.
 */
function runAs(
  user: RunUser,
  cwd: string,
  program: string,
  args: readonly string[],
  input = '',
  forgive?: RegExp,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      ...user.spawnAs,
      stdio: 'pipe',
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-64 * 1024);
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const lines = output.trim().split('\n');
      const forgiven = forgive !== undefined && code === 1 && lines.every((line) => forgive.test(line));
      const failed = code !== 0 || /^.*(ERROR|FATAL|PANIC):/m.test(output);
      if (!failed || forgiven) return resolve();
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
      reject(new TestClusterError(`${program} ${args.join(' ')} ${how}: ${lines.slice(-20).join('\n')}`));
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
