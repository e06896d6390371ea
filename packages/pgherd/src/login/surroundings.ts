import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import {
  type ConnectionPlan,
  DEFAULT_HOST,
  type Dsn,
  parseDsn,
  passwordFor,
  planConnection,
  type RequiredFile,
  requiredFiles,
  verification,
  withParameters,
} from '../dsn/index.ts';
import { InvalidDsnError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import type { Random } from '../time/port.ts';

/** What a connection string is completed from. */
export interface PlanSources {
  /** Connection string; the empty one takes everything from the environment. */
  readonly url: string;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly random: Random;
  readonly portRule: 'last-serves-all' | 'libpq';
}

/** The variables of this process. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** A connection string and what completes it, read once; all plans of a cluster are derived from it. */
export interface Surroundings {
  readonly dsn: Dsn;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
  /** Contents of the service files, if the connection string or the environment names a service. */
  readonly service: readonly string[] | undefined;
  /** Password file to be searched; `undefined` if a password is given. */
  readonly passfile: RequiredFile | undefined;
  /** Its contents; `undefined` if other users may read it. */
  readonly passwords: string | undefined;
  /** User of the operating system; `undefined` if it has no name, as in many containers. */
  readonly osUser: string | undefined;
  /** Folder of the certificates that are used if no others are named. */
  readonly certificates: string;
  /** What was ignored while reading. */
  readonly warnings: readonly string[];
}

/**
 * Parses the connection string and reads what completes it: environment, service file, password file, user
 * name. Files are read only if libpq would read them.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function readSurroundings({
  url,
  env = processEnvironment(),
  random,
  portRule,
}: PlanSources): Surroundings {
  const dsn = parseDsn(url, { portRule });
  const homeDirectory = env['HOME'] || homedir();
  const wanted = requiredFiles(dsn, { env, homeDirectory });
  const named = wanted.service.length > 0;
  const service = named ? wanted.service.flatMap(readIfThere) : undefined;
  const { passfile } = named ? requiredFiles(dsn, { env, homeDirectory, service }) : wanted;
  const warnings: string[] = [];
  return {
    dsn,
    env,
    random,
    service,
    passfile,
    passwords: passfile === undefined ? undefined : readPasswords(passfile, warnings),
    osUser: currentUser(),
    certificates: certificateFolder(env, homeDirectory),
    warnings,
  };
}

/**
 * Makes a plan, with `over` (parameters by libpq's names) in place of the connection string's own.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function planFrom(
  surroundings: Surroundings,
  over: ReadonlyMap<string, string> = NONE,
): ConnectionPlan {
  const { dsn, env, service, passwords, osUser, random } = surroundings;
  const plan = planConnection(over.size === 0 ? dsn : withParameters(dsn, over), {
    env,
    random: () => random.next(),
    service,
    passfile: passwords,
    osUser,
  });
  const tls = checkedTls(withDefaultFiles(plan, surroundings.certificates));
  const warnings = Object.freeze([...plan.warnings, ...surroundings.warnings]);
  return Object.freeze({ ...plan, tls, warnings });
}

const NONE: ReadonlyMap<string, string> = new Map();

function readIfThere(file: RequiredFile): string[] {
  try {
    return [readFileSync(file.path, 'utf8')];
  } catch (cause) {
    if (!file.mustExist) return [];
    throw new InvalidDsnError(
      `The file ${JSON.stringify(file.path)} cannot be read; it was named in the connection settings.`,
      { cause },
    );
  }
}

/** As libpq: a file that others may read is not believed to hold secrets. */
function readPasswords(file: RequiredFile, warnings: string[]): string | undefined {
  const status = statSync(file.path, { throwIfNoEntry: false });
  const why = status === undefined ? undefined : untrusted(status);
  if (why === undefined) return readIfThere(file)[0];
  warnings.push(`The password file ${JSON.stringify(file.path)} has no effect: it ${why}.`);
  return undefined;
}

const OTHERS_MAY = 0o077;

function untrusted(status: { mode: number; isFile(): boolean }): string | undefined {
  if (!status.isFile()) return 'is not a regular file';
  if (process.platform === 'win32' || (status.mode & OTHERS_MAY) === 0) return undefined;
  return 'has group or world access: its permissions must be u=rw (chmod 0600) or less';
}

/** The password that a password file has for a host now; `undefined` if it has none or is gone. */
export async function lookUpPassword(
  path: string,
  whose: { readonly host: string; readonly port: number; readonly user: string; readonly database: string },
): Promise<Secret | undefined> {
  try {
    if (untrusted(await stat(path)) !== undefined) return undefined;
    return passwordFor(await readFile(path, 'utf8'), { ...whose, defaultHost: DEFAULT_HOST });
  } catch {
    return undefined;
  }
}

function certificateFolder(env: Surroundings['env'], homeDirectory: string): string {
  const roaming = process.platform === 'win32' ? env['APPDATA'] : undefined;
  return roaming === undefined ? `${homeDirectory}/.postgresql` : `${roaming}/postgresql`;
}

/** Adds the files that libpq uses if they exist and no others are named. */
function withDefaultFiles({ tls, hosts }: ConnectionPlan, folder: string): ConnectionPlan['tls'] {
  if (tls.mode === 'disable' || hosts.every(({ transport }) => transport === 'unix')) return tls;
  const inFolder = (name: string) => existing(`${folder}/${name}`);
  const unchecked = tls.mode === 'no-verify';
  const rootCert = tls.rootCert ?? (unchecked ? undefined : inFolder('root.crt'));
  const cert = tls.certMode === 'disable' ? undefined : (tls.cert ?? inFolder('postgresql.crt'));
  const crl = tls.crl ?? (rootCert === undefined || rootCert === 'system' ? undefined : inFolder('root.crl'));
  return Object.freeze({
    ...tls,
    rootCert,
    verify: verification(tls.mode, rootCert),
    cert,
    key: cert === undefined ? undefined : (tls.key ?? inFolder('postgresql.key')),
    crl,
  });
}

function existing(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : undefined;
}

/**
 * To check only the authority proves nothing if it is a public one, which signs certificates for any server.
 */
function checkedTls(tls: ConnectionPlan['tls']): ConnectionPlan['tls'] {
  if (tls.mode !== 'verify-ca' || tls.rootCert !== undefined) return tls;
  throw new InvalidDsnError(
    'sslmode "verify-ca" needs sslrootcert, or ~/.postgresql/root.crt: public authorities sign certificates for any server. ' +
      'Name an authority of your own, or use sslmode=verify-full.',
    { details: { parameter: 'sslmode' } },
  );
}

function currentUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
