import { InvalidDsnError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { planRequireAuth } from './auth.ts';
import { type Dsn, toDsn } from './dsn.ts';
import { DEFAULT_HOST, planHosts, shuffled, withPasswords } from './hosts.ts';
import { parsePassfile } from './passfile.ts';
import type { ConnectionPlan, KeepalivePlan, PlannedHost } from './plan-types.ts';
import { ignoredWarning, refuseUnsupported } from './refusals.ts';
import { CHANNEL_BINDINGS, LOAD_BALANCE_HOSTS, TARGET_SESSION_ATTRS } from './sets.ts';
import { type Environment, resolveSettings, type Settings } from './settings.ts';
import { assertText } from './text.ts';
import { planTls } from './tls.ts';
import type { PortRule } from './uri.ts';
import { badValue, choose, chooseBoolean, chooseInteger, chooseText } from './values.ts';

/** What {@link planConnection} may use besides the connection string. */
export interface PlanOptions {
  /** Environment variables; default none. Pass `process.env` to use libpq's `PG*` variables. */
  readonly env?: Environment | undefined;
  /** Numbers from 0 to 1 for `load_balance_hosts=random`; default: the plan keeps the order given. */
  readonly random?: (() => number) | undefined;
  /** See {@link PortRule}; default `last-serves-all`. Only for a string, not for a parsed DSN. */
  readonly portRule?: PortRule | undefined;
  /** Content of the password file, which `requiredFiles` names. */
  readonly passfile?: string | undefined;
  /** Contents of the service files, which `requiredFiles` names, in the order in which they are searched. */
  readonly service?: string | readonly string[] | undefined;
  /** Name of the operating system's user, the default for `user`. */
  readonly osUser?: string | undefined;
  /** Where to connect if no host is named; default `/var/run/postgresql`, a directory of Unix sockets. */
  readonly defaultHost?: string | undefined;
}

/**
 * Decides everything that is needed to connect, as libpq would: values of the string win over the service,
 * the service over the environment, the environment over defaults. Pure; the result is deeply frozen.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` naming parameter, value and rule; never a password.
 *
 * @example
 * planConnection('postgres://app@db1,db2:6432/shop?target_session_attrs=primary', { env: process.env })
 */
export function planConnection(dsn: Dsn | string, options: PlanOptions = {}): ConnectionPlan {
  const settings = resolveSettings(toDsn(dsn, { portRule: options.portRule }), options);
  const user = planUser(settings, options.osUser);
  const database = chooseText(settings, 'dbname') ?? user;
  const given = chooseText(settings, 'password');
  const loadBalanceHosts = choose(settings, 'load_balance_hosts', LOAD_BALANCE_HOSTS, 'disable');
  const defaultHost = options.defaultHost ?? DEFAULT_HOST;
  const listed = planHosts(settings, defaultHost);
  refuseUnsupported(settings, listed);
  const ordered =
    loadBalanceHosts === 'random' && options.random !== undefined ? shuffled(listed, options.random) : listed;
  const hosts: readonly PlannedHost[] =
    given === undefined && options.passfile !== undefined
      ? withPasswords(ordered, parsePassfile(options.passfile), { user, database, defaultHost })
      : ordered;
  const warnings: string[] = [];
  return deepFrozen({
    hosts,
    user,
    password: given === undefined ? undefined : new Secret(given),
    database,
    targetSessionAttrs: choose(settings, 'target_session_attrs', TARGET_SESSION_ATTRS, 'any'),
    targetStated: settings.has('target_session_attrs'),
    loadBalanceHosts,
    connectTimeoutMs: planConnectTimeout(settings),
    ...planStartup(settings, options.env ?? {}, warnings),
    tls: planTls(settings),
    keepalive: planKeepalive(settings),
    tcpUserTimeoutMs: positive(chooseInteger(settings, 'tcp_user_timeout')),
    requireAuth: planRequireAuth(settings),
    channelBinding: choose(settings, 'channel_binding', CHANNEL_BINDINGS, 'prefer'),
    ...planPool(settings, warnings),
    warnings: [...warnings, ...orderWarning(settings, hosts), ...ignoredWarning(settings)],
  });
}

function planUser(settings: Settings, osUser: string | undefined): string {
  const user = chooseText(settings, 'user') ?? osUser;
  if (user !== undefined && user !== '') return user;
  throw new InvalidDsnError('No user is named. Add one: "postgres://user@host/…", "user=…" or PGUSER.', {
    details: { parameter: 'user' },
  });
}

/**
 * libpq's rules: zero or less is no limit, and less than two seconds means two, since its clock is coarse.
 */
function planConnectTimeout(settings: Settings): number | undefined {
  const seconds = chooseInteger(settings, 'connect_timeout');
  if (seconds === undefined) return undefined;
  return seconds <= 0 ? Number.POSITIVE_INFINITY : Math.max(seconds, 2) * 1000;
}

function planStartup(
  settings: Settings,
  env: Environment,
  warnings: string[],
): Pick<ConnectionPlan, 'applicationName' | 'options' | 'clientEncoding' | 'searchPath' | 'settings'> {
  // An application_name that is set and empty hides the fallback, as in libpq.
  const name = settings.get('application_name') ?? settings.get('fallback_application_name');
  const schema = chooseText(settings, 'schema');
  return {
    applicationName: name?.value === '' ? undefined : name?.value,
    options: chooseText(settings, 'options'),
    clientEncoding: planEncoding(settings, warnings),
    searchPath: schema === undefined ? undefined : quotedIdentifier(schema),
    settings: environmentSettings(env),
  };
}

function planEncoding(settings: Settings, warnings: string[]): string | undefined {
  const encoding = chooseText(settings, 'client_encoding');
  if (encoding === undefined) return undefined;
  if (!/^(auto|unicode|utf[-_ ]?8)$/i.test(encoding)) {
    warnings.push('Without effect: client_encoding. Drivers for Node.js always use UTF8.');
  }
  return 'UTF8';
}

/** Hosts in order are for one connection at a time; a pool over several nodes keeps connections to each. */
function orderWarning(settings: Settings, hosts: readonly PlannedHost[]): string[] {
  const stated = settings.get('load_balance_hosts')?.value === 'disable';
  if (!stated || hosts.length === 1) return [];
  return [
    'Without effect: load_balance_hosts=disable. Nodes of equal rank share the calls by the option policy, whatever their order.',
  ];
}

const ENVIRONMENT_SETTINGS = [
  ['PGDATESTYLE', 'datestyle'],
  ['PGTZ', 'timezone'],
  ['PGGEQO', 'geqo'],
] as const;

/** libpq sends these settings in the startup packet if their variables are set. */
function environmentSettings(env: Environment): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [variable, name] of ENVIRONMENT_SETTINGS) {
    const value = env[variable];
    // "default" leaves the value to the server, as in libpq.
    if (value === undefined || value.toLowerCase() === 'default') continue;
    assertText(value, `The environment variable ${variable}`);
    settings[name] = value;
  }
  return settings;
}

/** A plain name is not quoted, so that `SHOW search_path` stays readable. */
function quotedIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function planKeepalive(settings: Settings): KeepalivePlan {
  return {
    enabled: chooseInteger(settings, 'keepalives') !== 0,
    idleMs: milliseconds(positive(chooseInteger(settings, 'keepalives_idle'))),
    intervalMs: milliseconds(positive(chooseInteger(settings, 'keepalives_interval'))),
    count: positive(chooseInteger(settings, 'keepalives_count')),
  };
}

/** To libpq, zero or less means the system's default. */
function positive(value: number | undefined): number | undefined {
  return value === undefined || value <= 0 ? undefined : value;
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Parameters that Prisma and similar libraries put into a URL. */
function planPool(
  settings: Settings,
  warnings: string[],
): Pick<ConnectionPlan, 'pooler' | 'poolMax' | 'waitTimeoutMs'> {
  chooseBoolean(settings, 'uselibpqcompat');
  const poolMax = chooseInteger(settings, 'connection_limit');
  if (poolMax !== undefined && poolMax < 1) throw badValue(settings, 'connection_limit', 'is not at least 1');
  const seconds = chooseInteger(settings, 'pool_timeout');
  if (seconds !== undefined && seconds < 0) throw badValue(settings, 'pool_timeout', 'is negative');
  if (seconds === 0) {
    warnings.push(
      'Without effect: pool_timeout=0. pgherd always limits the wait. Set the option waitTimeoutMs.',
    );
  }
  return {
    pooler: chooseBoolean(settings, 'pgbouncer'),
    poolMax,
    waitTimeoutMs: milliseconds(positive(seconds)),
  };
}

/** Freezes a tree of plain values and secrets; there are no cycles in it. */
function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const child of Object.values(value)) deepFrozen(child);
  return Object.freeze(value);
}
