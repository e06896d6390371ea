import { InvalidDsnError } from '../model/errors.ts';
import type { Settings } from './settings.ts';
import { parseInteger, shown } from './text.ts';

/**
 * The value of a parameter with a closed set of values. An empty value is refused, as in libpq.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` naming the value, its origin, and the set.
 */
export function choose<T extends string>(
  settings: Settings,
  name: string,
  allowed: readonly T[],
  fallback: T,
): T {
  const setting = settings.get(name);
  if (setting === undefined) return fallback;
  const found = allowed.find((one) => one === setting.value);
  if (found !== undefined) return found;
  throw badValue(settings, name, `is not one of ${allowed.join(', ')}`);
}

/**
 * The value of an integer parameter (32 bits, blanks around it allowed), or `undefined` if it is not set.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`.
 */
export function chooseInteger(settings: Settings, name: string): number | undefined {
  const setting = settings.get(name);
  if (setting === undefined) return undefined;
  const value = parseInteger(setting.value);
  if (value === undefined) throw badValue(settings, name, 'is not an integer of 32 bits');
  return value;
}

/**
 * The value of a parameter that is `true`, `false`, `1` or `0`, or `undefined` if it is not set.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`.
 */
export function chooseBoolean(settings: Settings, name: string): boolean | undefined {
  const value = settings.get(name)?.value;
  if (value === undefined) return undefined;
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw badValue(settings, name, 'is not one of true, false, 1, 0');
}

/** The value, or `undefined` if it is empty, which is the same as not set for most of libpq's parameters. */
export function chooseText(settings: Settings, name: string): string | undefined {
  const value = settings.get(name)?.value;
  return value === '' ? undefined : value;
}

/** The error for a value, e.g. `sslmode "yes" (from PGSSLMODE) is not one of …`. */
export function badValue(settings: Settings, name: string, rule: string, remedy = ''): InvalidDsnError {
  const setting = settings.get(name);
  const value = setting === undefined ? '' : ` ${shown(setting.value)}`;
  const origin = setting?.origin === undefined ? '' : ` (from ${setting.origin})`;
  const advice = remedy === '' ? '' : ` ${remedy}`;
  return new InvalidDsnError(`${name}${value}${origin} ${rule}.${advice}`, { details: { parameter: name } });
}
