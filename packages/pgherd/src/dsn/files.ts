import { clearValuesOf, type Dsn, toDsn } from './dsn.ts';
import { type Environment, resolveSettings, serviceNamed } from './settings.ts';

/** The directory that `PGSYSCONFDIR` stands for when it is not set; Debian's. */
export const DEFAULT_SYSCONF_DIRECTORY = '/etc/postgresql-common';

/** What {@link requiredFiles} is told. */
export interface FileSources {
  readonly env?: Environment | undefined;
  /** The user's home directory; without it the files in it are not asked for. */
  readonly homeDirectory?: string | undefined;
  /** Contents of the service files, once they were read: a service may name the password file. */
  readonly service?: string | readonly string[] | undefined;
  /** Directory of the system-wide `pg_service.conf`; default `PGSYSCONFDIR`, else {@link DEFAULT_SYSCONF_DIRECTORY}. */
  readonly sysconfDirectory?: string | undefined;
}

/** One file that a connection string refers to. */
export interface RequiredFile {
  readonly path: string;
  /** A file that was named must exist; one that is only looked for where it usually is need not. */
  readonly mustExist: boolean;
}

/** Which files the caller has to read before {@link planConnection}. Empty when none is needed. */
export interface RequiredFiles {
  /** In the order in which libpq searches them; pass the contents of those that exist as `service`. */
  readonly service: readonly RequiredFile[];
  /**
   * Pass its content as `passfile`. Like libpq, ignore it with a warning if it is no regular file, or if others than its owner
   * may read it. Not known (`undefined`) while a service is named whose content was not passed in.
   */
  readonly passfile?: RequiredFile | undefined;
}

/**
 * Says which files must be read for a plan, as reading is not a pure function's work. With a service, call it twice: the
 * second time with the contents of the service files, for the password file.
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
