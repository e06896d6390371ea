import { readFileSync, statSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import {
  type ConnectionPlan,
  type Dsn,
  type PortRule,
  parseDsn,
  planConnection,
  type RequiredFile,
  requiredFiles,
} from 'pgherd/dsn';

/** A connection string and what completes it. */
export interface ReadConnection {
  readonly dsn: Dsn;
  readonly plan: ConnectionPlan;
  /** Contents of the service files that were read. */
  readonly service: readonly string[] | undefined;
  /** Path of the password file that was searched. */
  readonly passfile: string | undefined;
}

/**
 * Reads a connection string as `createCluster` does, with the variables, the service file and the password file that complete it.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function readConnection(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
  portRule: PortRule = 'last-serves-all',
): ReadConnection {
  const dsn = parseDsn(url, { portRule });
  const homeDirectory = env['HOME'] || homedir();
  const wanted = requiredFiles(dsn, { env, homeDirectory });
  const isNamed = wanted.service.length > 0;
  const service = isNamed ? wanted.service.flatMap(({ path }) => contentOf(path) ?? []) : undefined;
  const { passfile } = isNamed ? requiredFiles(dsn, { env, homeDirectory, service }) : wanted;
  const passwords = passfile === undefined ? undefined : passwordsIn(passfile);
  const plan = planConnection(dsn, { env, service, passfile: passwords, osUser: currentUser() });
  return { dsn, plan, service, passfile: passwords === undefined ? undefined : passfile?.path };
}

/** Whether a password is known for every server that listens on TCP. */
export function hasPassword({ password, hosts }: ConnectionPlan): boolean {
  return password !== undefined || hosts.every((host) => host.password !== undefined);
}

/** `undefined` if the user of the operating system has no name, as in many containers. */
function currentUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

const OTHERS_MAY = 0o077;

/** As libpq: a file that others may read is not believed to hold secrets; `createCluster` warns of it. */
function passwordsIn({ path }: RequiredFile): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isFile()) return undefined;
  if (process.platform !== 'win32' && (status.mode & OTHERS_MAY) !== 0) return undefined;
  return contentOf(path);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
