import { invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';

/** A connection that gets a name. */
export interface NamedConnection {
  /** Name of the node, `host:port`. */
  readonly node: string;
  /** `pool` also for guests that name themselves nothing else, for sessions of `connect` and for those that listen. */
  readonly purpose: 'pool' | 'monitor';
}

/** Names a connection. */
export type ApplicationNameFunction = (connection: NamedConnection) => string;

/** How connections are called; the option, as it was resolved. */
export interface ApplicationNames {
  /** What they have in common. */
  readonly common: string;
  /** The name of one connection, of at most 63 bytes. */
  of(connection: NamedConnection): string;
}

/** PostgreSQL keeps so many bytes of a name, and cuts what is longer. */
const MAX_BYTES = 63;
const MONITOR = ' monitor';

/**
 * The names by the option: the text itself, with ` monitor` behind it for monitors, or what the function returns. `fallback` is what they
 * have in common if the option is a function, or absent.
 */
export function applicationNames(
  given: string | ApplicationNameFunction | undefined,
  fallback: string,
): ApplicationNames {
  if (typeof given === 'function')
    return { common: fallback, of: (connection) => returned(given, connection) };
  const common = given ?? fallback;
  const pool = cut(common, MAX_BYTES);
  // What makes a monitor one stands last, and stays.
  const monitor = cut(common, MAX_BYTES - MONITOR.length) + MONITOR;
  return { common, of: ({ purpose }) => (purpose === 'monitor' ? monitor : pool) };
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no name. */
function returned(name: ApplicationNameFunction, connection: NamedConnection): string {
  const value: unknown = name(Object.freeze({ ...connection }));
  if (typeof value !== 'string' || value === '' || value.includes('\0'))
    throw invalidArgument(
      'applicationName',
      `a function that returned ${quoted(value)}`,
      'one that returns a non-empty string without NUL',
    );
  return cut(value, MAX_BYTES);
}

/** As much of a text as so many bytes of UTF-8 hold, in whole characters. */
function cut(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let kept = '';
  let size = 0;
  for (const character of text) {
    size += Buffer.byteLength(character);
    if (size > bytes) break;
    kept += character;
  }
  return kept;
}
