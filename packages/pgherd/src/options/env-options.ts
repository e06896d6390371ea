import { isIPv6 } from 'node:net';
import { processEnvironment } from '../login/surroundings.ts';
import { InvalidOptionsError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import type { ClusterOptions } from './options.ts';

/** Variables by name. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/**
 * Variables that say where the servers are; with one of them there must be a writer's host, and no connection
 * string.
 */
const ADDRESSES = [
  'DB_USERNAME',
  'DB_PASSWORD',
  'DB_WRITER_HOST',
  'DB_READER_HOSTS',
  'DB_PORT',
  'DB_NAME',
] as const;
type AddressName = (typeof ADDRESSES)[number];

const DEFAULT_PORT = 5432;
/** Characters that no host has; some of them would change the meaning of the URL. */
const NO_HOST = /[^\w.:[\]-]/;

/**
 * Options from the environment, for programs that are configured by nothing else.
 *
 * `DATABASE_URL`, or `DB_WRITER_HOST`, `DB_READER_HOSTS` (separated by commas), `DB_PORT`, `DB_NAME`,
 * `DB_USERNAME` and `DB_PASSWORD`; with either `DB_MIN_POOL_SIZE`, `DB_MAX_POOL_SIZE`, `DB_POOL_TIMEOUT` and
 * `DB_POOL_MAX_IDLE_TIME_SECONDS`, the last two in seconds. libpq's `PG*` variables fill the gaps. An empty
 * variable counts as not set. The password is a function, so that printing the options does not print it.
 *
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` with every violation at once, never with a secret.
 * @example
 * ```ts
 * const db = createCluster({ ...optionsFromEnv(), applicationName: 'shop' });
 * ```
 */
export function optionsFromEnv(env: EnvironmentVariables = processEnvironment()): ClusterOptions {
  const read = new Reading(env);
  const minSize = read.number('DB_MIN_POOL_SIZE', { min: 0, whole: true });
  const maxSize = read.number('DB_MAX_POOL_SIZE', { min: 1, whole: true });
  const timeout = read.number('DB_POOL_TIMEOUT', { min: 0.001, unit: 'seconds' });
  const idle = read.number('DB_POOL_MAX_IDLE_TIME_SECONDS', { min: 0, unit: 'seconds' });
  if (minSize !== undefined && maxSize !== undefined && minSize > maxSize) {
    read.violations.push(
      `DB_MAX_POOL_SIZE is ${maxSize}, but must be at least DB_MIN_POOL_SIZE, which is ${minSize}`,
    );
  }
  const target = read.text('DATABASE_URL') === undefined ? writerAndReaders(read) : connectionString(read);
  if (read.violations.length > 0) throw new InvalidOptionsError(read.violations);
  return Object.freeze({
    ...target,
    ...(timeout === undefined ? {} : { waitTimeoutMs: timeout * 1_000 }),
    pool: Object.freeze({
      ...(minSize === undefined ? {} : { min: minSize }),
      ...(maxSize === undefined ? {} : { max: maxSize }),
      ...(idle === undefined ? {} : { idleTimeoutMs: idle * 1_000 }),
    }),
    env,
  });
}

/** A connection string is complete: variables beside it would be ignored, which cannot be intended. */
function connectionString(read: Reading): Pick<ClusterOptions, 'url'> {
  const beside = ADDRESSES.filter((name) => read.text(name) !== undefined);
  if (beside.length > 0) {
    read.violations.push(
      `DATABASE_URL and ${beside.join(', ')} are both set, but only one of them can say where the servers are`,
    );
  }
  return { url: read.text('DATABASE_URL') };
}

function writerAndReaders(read: Reading): Pick<ClusterOptions, 'url' | 'password'> {
  const given = ADDRESSES.filter((name) => read.text(name) !== undefined);
  if (given.length === 0) return {};
  const writer = read.text('DB_WRITER_HOST');
  if (writer === undefined) {
    read.violations.push(
      `DB_WRITER_HOST is not set, but must be, since ${given.join(', ')} ${given.length > 1 ? 'are' : 'is'}`,
    );
  }
  const port = read.number('DB_PORT', { min: 1, max: 65_535, whole: true }) ?? DEFAULT_PORT;
  const readers = (read.text('DB_READER_HOSTS') ?? '').split(',').map((host) => host.trim());
  const hosts = [
    ...(writer === undefined ? [] : [read.host('DB_WRITER_HOST', writer, port)]),
    ...readers.filter((host) => host !== '').map((host) => read.host('DB_READER_HOSTS', host, port)),
  ];
  const user = encodeURIComponent(read.text('DB_USERNAME') ?? '');
  const name = encodeURIComponent(read.text('DB_NAME') ?? '');
  const url = `postgresql://${user === '' ? '' : `${user}@`}${[...new Set(hosts)].join(',')}/${name}`;
  const password = read.text('DB_PASSWORD');
  return password === undefined ? { url } : { url, password: () => password };
}

interface NumberRule {
  readonly min: number;
  readonly max?: number;
  readonly whole?: boolean;
  readonly unit?: string;
}

/** Variables with the number of attempts, unless the program sets it; the first that is set counts. */
const ATTEMPT_VARIABLES = ['PGHERD_RETRY_ATTEMPTS', 'DB_RETRY_RETRIES_NUMBER'] as const;
const MOST_ATTEMPTS = 999_999_999;

/**
 * The number of attempts in the environment, the first included; `undefined` if none is set.
 * @throws InvalidOptionsError `PGHERD_INVALID_OPTIONS` if it is not a whole number above 0.
 */
export function retryAttemptsFrom(env: EnvironmentVariables = processEnvironment()): number | undefined {
  const name = ATTEMPT_VARIABLES.find((one) => (env[one] ?? '').trim() !== '');
  if (name === undefined) return undefined;
  const read = new Reading(env, ' (environment)');
  const attempts = read.number(name, { min: 1, max: MOST_ATTEMPTS, whole: true });
  if (read.violations.length > 0) throw new InvalidOptionsError(read.violations);
  return attempts;
}

/** Reads variables and collects their violations. */
class Reading {
  readonly violations: string[] = [];
  readonly #env: EnvironmentVariables;
  readonly #origin: string;

  /** `origin` follows each name in a violation. */
  constructor(env: EnvironmentVariables, origin = '') {
    this.#env = env;
    this.#origin = origin;
  }

  text(name: AddressName | 'DATABASE_URL'): string | undefined {
    const value = this.#env[name];
    return value === undefined || value === '' ? undefined : value;
  }

  number(name: string, { min, max, whole = false, unit }: NumberRule): number | undefined {
    const text = this.#env[name]?.trim();
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    const fits = /^\d+(\.\d+)?$/.test(text) && value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER);
    if (fits && (!whole || Number.isInteger(value))) return value;
    const kind = whole ? 'a whole number' : 'a number';
    const range = max === undefined ? `at least ${min}` : `from ${min} to ${max}`;
    this.violations.push(
      `${name}${this.#origin} is ${quoted(text)}, but must be ${kind}${unit === undefined ? '' : ` of ${unit}`}, ${range}`,
    );
    return undefined;
  }

  /** A host with its port. It may contain a port of its own; an IPv6 address may be in brackets. */
  host(name: string, value: string, defaultPort: number): string {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(value);
    const bare = isIPv6(value) ? value : match?.[1];
    const port = Number(bare === value ? defaultPort : (match?.[3] ?? defaultPort));
    const host = bare === undefined ? match?.[2] : `[${bare}]`;
    if (host === undefined || NO_HOST.test(host) || port < 1 || port > 65_535) {
      // It may be a URL with a password.
      const shown = value.includes('@') ? 'something with an @' : quoted(value);
      this.violations.push(`${name} has ${shown}, but must be a host, or host:port`);
      return '';
    }
    return `${host}:${port}`;
  }
}
