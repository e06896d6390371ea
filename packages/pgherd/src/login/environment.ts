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

/** What a plan is made from. */
export interface PlanSources {
  /** Connection string; the empty one takes everything from the environment. */
  readonly url: string;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly random: Random;
  readonly portRule: 'last-serves-all' | 'libpq';
  /** What stands over the connection string's parameters, by libpq's names. Default: nothing. */
  readonly over?: ReadonlyMap<string, string> | undefined;
}

/** The variables of this process. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/**
 * Makes the plan from the connection string and its surroundings: environment, service file, password file, certificates in
 * `~/.postgresql`, name of the user. Files are read only where libpq would read them.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function planFromSurroundings(sources: PlanSources): ConnectionPlan {
  const { dsn, env, homeDirectory, service, passfile } = surroundingsOf(sources);
  const warnings: string[] = [];
  const passwords = passfile === undefined ? undefined : readPasswords(passfile, warnings);
  const plan = planConnection(dsn, {
    env,
    random: () => sources.random.next(),
    service,
    passfile: passwords,
    osUser: currentUser(),
  });
  const tls = checkedTls(withDefaultFiles(plan, certificateFolder(env, homeDirectory)));
  return Object.freeze({ ...plan, tls, warnings: Object.freeze([...plan.warnings, ...warnings]) });
}

/** The password file that is to be looked into, if any; errors as of {@link planFromSurroundings}. */
export function passfileOf(sources: PlanSources): RequiredFile | undefined {
  return surroundingsOf(sources).passfile;
}

interface Surroundings {
  readonly dsn: Dsn;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly service: readonly string[] | undefined;
  readonly passfile: RequiredFile | undefined;
}

function surroundingsOf(sources: PlanSources): Surroundings {
  const env = sources.env ?? processEnvironment();
  const parsed = parseDsn(sources.url, { portRule: sources.portRule });
  const dsn = sources.over === undefined ? parsed : withParameters(parsed, sources.over);
  const homeDirectory = env['HOME'] || homedir();
  const wanted = requiredFiles(dsn, { env, homeDirectory });
  if (wanted.service.length === 0) {
    return { dsn, env, homeDirectory, service: undefined, passfile: wanted.passfile };
  }
  const service = wanted.service.flatMap((file) => readIfThere(file));
  const { passfile } = requiredFiles(dsn, { env, homeDirectory, service });
  return { dsn, env, homeDirectory, service, passfile };
}

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

/** libpq's rule: what others may read holds no secrets. */
function readPasswords(file: RequiredFile, warnings: string[]): string | undefined {
  const status = statSync(file.path, { throwIfNoEntry: false });
  const why = status === undefined ? undefined : untrusted(status);
  if (why === undefined) return readIfThere(file)[0];
  warnings.push(`Without effect: the password file ${JSON.stringify(file.path)}, for it ${why}.`);
  return undefined;
}

const OTHERS_MAY = 0o077;

function untrusted(status: { mode: number; isFile(): boolean }): string | undefined {
  if (!status.isFile()) return 'is no regular file';
  if (process.platform === 'win32' || (status.mode & OTHERS_MAY) === 0) return undefined;
  return 'has group or world access: its permissions must be u=rw (chmod 0600) or less';
}

/** The password that a password file has for a host now; `undefined` where it has none, or is not there any more. */
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

/** Adds the files that libpq uses where they exist and no others are named. */
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

/** To check nothing but who signed a certificate, where everybody can have one signed, would prove nothing. */
function checkedTls(tls: ConnectionPlan['tls']): ConnectionPlan['tls'] {
  if (tls.mode !== 'verify-ca' || tls.rootCert !== undefined) return tls;
  throw new InvalidDsnError(
    'sslmode "verify-ca" needs sslrootcert, or ~/.postgresql/root.crt: the authorities that everybody trusts would vouch for any ' +
      'server. Use sslmode=verify-full to do with them.',
    { details: { parameter: 'sslmode' } },
  );
}

function currentUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as in many containers.
    return undefined;
  }
}
