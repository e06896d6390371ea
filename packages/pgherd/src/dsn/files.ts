import { clearValuesOf, type Dsn, toDsn } from './dsn.ts';
import { type Environment, resolveSettings, serviceNamed } from './settings.ts';

/** Directory of the system-wide `pg_service.conf` if `PGSYSCONFDIR` is not set: Debian's. */
export const DEFAULT_SYSCONF_DIRECTORY = '/etc/postgresql-common';

/** What {@link requiredFiles} may use besides the connection string. */
export interface FileSources {
  readonly env?: Environment | undefined;
  /** The user's home directory; without it, no file there is required. */
  readonly homeDirectory?: string | undefined;
  /** Contents of the service files, once they have been read: a service may name the password file. */
  readonly service?: string | readonly string[] | undefined;
  /**
   * Directory of the system-wide `pg_service.conf`; default `PGSYSCONFDIR`, else
   * {@link DEFAULT_SYSCONF_DIRECTORY}.
   */
  readonly sysconfDirectory?: string | undefined;
}

/** One file that a connection string refers to. */
export interface RequiredFile {
  readonly path: string;
  /** `true` for a file that was named; `false` for one that is only expected in its usual place. */
  readonly mustExist: boolean;
}

/** The files that the caller has to read before {@link planConnection}. */
export interface RequiredFiles {
  /** In the order in which libpq searches them; pass the contents of those that exist as `service`. */
  readonly service: readonly RequiredFile[];
  /**
   * Pass its content as `passfile`. Like libpq, ignore it with a warning if it is not a regular file, or if
   * users other than its owner may read it. `undefined` if none is needed, and while a service is named whose
   * content was not passed in.
   */
  readonly passfile?: RequiredFile | undefined;
}

/**
 * The files that must be read for a plan, since a pure function cannot read them. With a service, call it
 * twice: the second time with the contents of the service files, for the password file.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`.
 */
export function requiredFiles(dsn: Dsn | string, sources: FileSources = {}): RequiredFiles {
  const parsed = toDsn(dsn);
  const env = sources.env ?? {};
  const named = serviceNamed(parsed, env) !== undefined;
  if (named && sources.service === undefined) return freeze(serviceFiles(parsed, env, sources), undefined);
  const settings = resolveSettings(parsed, sources);
  const service = named ? serviceFiles(parsed, env, sources) : [];
  const password = settings.get('password')?.value ?? '';
  if (password !== '') return freeze(service, undefined);
  const path = settings.get('passfile')?.value ?? '';
  return freeze(
    service,
    path === '' ? inHome(sources.homeDirectory, '.pgpass')[0] : { path, mustExist: true },
  );
}

function serviceFiles(dsn: Dsn, env: Environment, sources: FileSources): RequiredFile[] {
  const directory = env['PGSYSCONFDIR'] ?? sources.sysconfDirectory ?? DEFAULT_SYSCONF_DIRECTORY;
  const everywhere: RequiredFile = { path: `${directory}/pg_service.conf`, mustExist: false };
  const path = clearValuesOf(dsn).get('servicefile') ?? env['PGSERVICEFILE'];
  if (path !== undefined) return [{ path, mustExist: true }, everywhere];
  return [...inHome(sources.homeDirectory, '.pg_service.conf'), everywhere];
}

function inHome(home: string | undefined, name: string): RequiredFile[] {
  return home === undefined ? [] : [{ path: `${home}/${name}`, mustExist: false }];
}

function freeze(service: readonly RequiredFile[], passfile: RequiredFile | undefined): RequiredFiles {
  for (const file of service) Object.freeze(file);
  return Object.freeze({
    service: Object.freeze(service),
    passfile: passfile && Object.freeze(passfile),
  });
}
