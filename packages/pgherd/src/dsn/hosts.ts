import { InvalidDsnError } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import { listOf } from './dsn.ts';
import { findPassword, type PasswordFile, type PasswordKey, parsePassfile } from './passfile.ts';
import type { PlannedHost } from './plan-types.ts';
import type { Settings } from './settings.ts';
import { parseInteger, shown } from './text.ts';
import { chooseText } from './values.ts';

/** PostgreSQL's port. */
export const DEFAULT_PORT = 5432;

/** Directory of Unix sockets on Debian. libpq built from PostgreSQL's own sources uses `/tmp`. */
export const DEFAULT_HOST = '/var/run/postgresql';

/**
 * The hosts to try, by libpq's rules for lists: `hostaddr` decides how many there are if it is given, else
 * `host`; one port serves all; an empty item means the default. Duplicates (same
 * host, address and port) are dropped.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for lists of different lengths or an invalid port.
 */
export function planHosts(settings: Settings, defaultHost: string): PlannedHost[] {
  const addresses = listOf(chooseText(settings, 'hostaddr'));
  const hosts = listOf(chooseText(settings, 'host'));
  const count = addresses.length > 0 ? addresses.length : Math.max(hosts.length, 1);
  if (hosts.length > 0 && hosts.length !== count) {
    throw new InvalidDsnError(
      `host lists ${hosts.length} names and hostaddr ${count} addresses. Give the same number of each; an item may be empty.`,
      { details: { parameter: 'hostaddr' } },
    );
  }
  const ports = planPorts(settings, count);
  const found = new Map<string, PlannedHost>();
  for (let index = 0; index < count; index += 1) {
    const planned = plannedHost(hosts[index], addresses[index], ports[index] ?? DEFAULT_PORT, defaultHost);
    const key = `${planned.host},${planned.hostaddr ?? ''},${planned.port}`;
    if (!found.has(key)) found.set(key, planned);
  }
  return [...found.values()];
}

function plannedHost(
  host: string | undefined,
  hostaddr: string | undefined,
  port: number,
  defaultHost: string,
): PlannedHost {
  if (hostaddr !== undefined && hostaddr !== '') {
    return { host: host === undefined || host === '' ? hostaddr : host, hostaddr, port, transport: 'tcp' };
  }
  const name = host === undefined || host === '' ? defaultHost : host;
  return { host: name, port, transport: isSocketDirectory(name) ? 'unix' : 'tcp' };
}

function isSocketDirectory(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}

function planPorts(settings: Settings, count: number): number[] {
  const ports = listOf(chooseText(settings, 'port'));
  const origin = settings.get('port')?.origin;
  if (ports.length > 1 && ports.length !== count) {
    throw new InvalidDsnError(
      `port${origin === undefined ? '' : ` (from ${origin})`} lists ${ports.length} ports for ${count} hosts. ` +
        'Give one port for all hosts, or one for each; an item may be empty.',
      { details: { parameter: 'port' } },
    );
  }
  const numbers = ports.map((port) => portNumber(port, origin));
  const only = numbers[0];
  return numbers.length === 1 && only !== undefined ? Array.from({ length: count }, () => only) : numbers;
}

function portNumber(text: string, origin: string | undefined): number {
  if (text === '') return DEFAULT_PORT;
  const port = parseInteger(text);
  if (port !== undefined && port >= 1 && port <= 65_535) return port;
  const from = origin === undefined ? '' : ` (from ${origin})`;
  throw new InvalidDsnError(`port ${shown(text)}${from} is not an integer from 1 to 65535.`, {
    details: { parameter: 'port' },
  });
}

/** The hosts with the passwords that a password file has for them. */
export function withPasswords(
  hosts: readonly PlannedHost[],
  file: PasswordFile,
  key: { readonly user: string; readonly database: string; readonly defaultHost: string },
): PlannedHost[] {
  return hosts.map((one) => {
    // In a password file, libpq looks up the default socket directory under this name only.
    const host = one.transport === 'unix' && one.host === key.defaultHost ? 'localhost' : one.host;
    const password = findPassword(file, { host, port: one.port, database: key.database, user: key.user });
    return password === undefined ? one : { ...one, password: new Secret(password) };
  });
}

/**
 * The password for a host in the content of a password file, also for a host that no connection string names.
 */
export function passwordFor(
  content: string,
  whose: PasswordKey & { readonly defaultHost: string },
): Secret | undefined {
  const { host, port } = whose;
  const transport = isSocketDirectory(host) ? 'unix' : 'tcp';
  return withPasswords([{ host, port, transport }], parsePassfile(content), whose)[0]?.password;
}

/**
 * The hosts in random order, all orders equally likely; the argument is not changed. For
 * `load_balance_hosts=random`: once for a plan and again for each connection.
 *
 * @param random returns numbers from 0 (inclusive) to 1 (exclusive).
 */
export function shuffled<T>(hosts: readonly T[], random: () => number): T[] {
  const order = [...hosts];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [moved, kept] = [order[other], order[last]];
    if (moved === undefined || kept === undefined) continue;
    order[last] = moved;
    order[other] = kept;
  }
  return order;
}
