import { InvalidDsnError } from '../model/errors.ts';
import { clearValuesOf, type Dsn } from './dsn.ts';
import { PARAMETERS } from './parameters.ts';
import { readService } from './service.ts';
import { assertText } from './text.ts';

/** The value of one parameter and where it came from. */
export interface Setting {
  readonly value: string;
  /**
   * `undefined` for the connection string itself; else the environment variable or the service, for errors.
   */
  readonly origin: string | undefined;
}

/**
 * Parameter → value from all sources, secrets in clear text: a value of this type never leaves the folder.
 */
export type Settings = ReadonlyMap<string, Setting>;

/** Environment variables by name. An empty one counts as set, as in libpq. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What settings are resolved from, besides the connection string. */
export interface SettingSources {
  readonly env?: Environment | undefined;
  /** The contents of the service files, in the order in which they are searched. */
  readonly service?: string | readonly string[] | undefined;
}

/**
 * Combines all sources as libpq does: connection string over service over environment.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for a service that is not found or cannot be parsed.
 */
export function resolveSettings(dsn: Dsn, sources: SettingSources = {}): Settings {
  const env = sources.env ?? {};
  const settings = new Map<string, Setting>();
  for (const [name, value] of clearValuesOf(dsn)) settings.set(name, { value, origin: undefined });
  for (const [name, value] of serviceValues(serviceNamed(dsn, env), sources.service)) {
    if (!settings.has(name)) settings.set(name, { value, origin: 'the service file' });
  }
  for (const { name, env: variable } of PARAMETERS) {
    const value = variable === undefined ? undefined : env[variable];
    if (value === undefined || settings.has(name)) continue;
    assertText(value, `The environment variable ${variable}`);
    settings.set(name, { value, origin: variable });
  }
  if (!settings.has('sslmode') && env['PGREQUIRESSL']?.startsWith('1') === true) {
    settings.set('sslmode', { value: 'require', origin: 'PGREQUIRESSL' });
  }
  return settings;
}

/** The service that the connection string or the environment names, or `undefined`. */
export function serviceNamed(dsn: Dsn, env: Environment): string | undefined {
  return dsn.parameters['service'] ?? env['PGSERVICE'];
}

function serviceValues(
  name: string | undefined,
  contents: string | readonly string[] | undefined,
): ReadonlyMap<string, string> {
  if (name === undefined) return new Map();
  const files = typeof contents === 'string' ? [contents] : (contents ?? []);
  for (const file of files) {
    const found = readService(file, name);
    if (found !== undefined) return found;
  }
  throw new InvalidDsnError(
    `The service "${name}" is not defined in ${files.length === 0 ? 'any service file: none was read' : 'the service files that were read'}. ` +
      'Add a section with its name in brackets to ~/.pg_service.conf, or to the file that PGSERVICEFILE names.',
    { details: { parameter: 'service' } },
  );
}
