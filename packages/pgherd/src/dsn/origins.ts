import { Secret } from '../model/secret.ts';
import { type Dsn, toDsn } from './dsn.ts';
import { parameterNamed } from './parameters.ts';
import { resolveSettings, type SettingSources } from './settings.ts';

/** The value of a parameter, and what set it. */
export interface ParameterOrigin {
  readonly name: string;
  readonly value: string | Secret;
  /** `connection string`, `the service file`, or the environment variable. */
  readonly origin: string;
}

/**
 * Every parameter that is set, with its value and what set it, in the order in which the sources win: connection string, service,
 * environment. The files that `requiredFiles` names have to be passed in, as to `planConnection`; passwords of the password file are not
 * among them.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`
 */
export function parameterOrigins(
  dsn: Dsn | string,
  sources: SettingSources = {},
): readonly ParameterOrigin[] {
  return [...resolveSettings(toDsn(dsn), sources)].map(([name, { value, origin }]) =>
    Object.freeze({
      name,
      value: parameterNamed(name)?.secret === true ? new Secret(value) : value,
      origin: origin ?? 'connection string',
    }),
  );
}
