import { InvalidDsnError } from '../model/errors.ts';
import type { Entry } from './entries.ts';
import { parseInteger, percentDecode } from './text.ts';

/**
 * How ports in a URI are read if only the last of several hosts has one (`db1,db2:6432`).
 * `last-serves-all`: it is the port of all hosts, as in hasql. `libpq`: the others get the default port.
 */
export type PortRule = (typeof PORT_RULES)[number];

/** All {@link PortRule}s; the first is the default. */
export const PORT_RULES = Object.freeze(['last-serves-all', 'libpq'] as const);

const PREFIXES = ['postgresql://', 'postgres://'] as const;

/** Length of the prefix `postgresql://` or `postgres://`, in lower case; 0 if the string is not a URI. */
export function uriPrefixLength(text: string): number {
  return PREFIXES.find((prefix) => text.startsWith(prefix))?.length ?? 0;
}

/**
 * Reads a connection URI as libpq's `conninfo_uri_parse` does:
 * `postgresql://user:password@host:port,…/dbname?name=value&…`. Parameters after `?` win over the parts
 * before it.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`; the message shows no part of the string.
 */
export function parseUri(text: string, portRule: PortRule): Entry[] {
  try {
    return readUri(text, portRule);
  } catch (error) {
    const advised = error instanceof InvalidDsnError && error.message.endsWith(ENCODING_ADVICE);
    if (error instanceof InvalidDsnError && !advised && looksUnencoded(text)) {
      throw new InvalidDsnError(`${error.message} ${ENCODING_ADVICE}`);
    }
    throw error;
  }
}

function readUri(text: string, portRule: PortRule): Entry[] {
  const entries: Entry[] = [];
  const credentials = readCredentials(text, uriPrefixLength(text));
  entries.push(...credentials.entries);
  const authority = readAuthority(text, credentials.end);
  entries.push(...authorityEntries(authority.hosts, portRule, text));
  const queryMark = text.indexOf('?', authority.end);
  const pathEnd = queryMark < 0 ? text.length : queryMark;
  if (text[authority.end] === '/') {
    const database = percentDecode(text.slice(authority.end + 1, pathEnd), 'the database name');
    // An empty name would hide $PGDATABASE; libpq leaves it out too.
    if (pathEnd > authority.end + 1) entries.push({ name: 'dbname', value: database });
  }
  if (queryMark >= 0) entries.push(...readQuery(text.slice(queryMark + 1)));
  return entries;
}

interface Credentials {
  readonly entries: readonly Entry[];
  /** Index of the first character of the host list. */
  readonly end: number;
}

/** There are credentials only if an `@` comes before the first `/`. The first `@` ends them. */
function readCredentials(text: string, start: number): Credentials {
  const at = credentialsEnd(text, start);
  if (at < 0) return { entries: [], end: start };
  const entries: Entry[] = [];
  const colon = text.indexOf(':', start);
  const userEnd = colon >= 0 && colon < at ? colon : at;
  const user = text.slice(start, userEnd);
  const password = text.slice(Math.min(userEnd + 1, at), at);
  if (user !== '') entries.push({ name: 'user', value: percentDecode(user, 'the user name') });
  if (password !== '') entries.push({ name: 'password', value: percentDecode(password, 'the password') });
  return { entries, end: at + 1 };
}

function credentialsEnd(text: string, start: number): number {
  const at = text.indexOf('@', start);
  const slash = text.indexOf('/', start);
  return at >= 0 && (slash < 0 || at < slash) ? at : -1;
}

interface HostAndPort {
  readonly host: string;
  /** As written, still encoded; `undefined` without a colon. */
  readonly port: string | undefined;
}

interface Authority {
  readonly hosts: readonly HostAndPort[];
  /** Index of the `/`, the `?` or the end of the string. */
  readonly end: number;
}

function readAuthority(text: string, start: number): Authority {
  const hosts: HostAndPort[] = [];
  let position = start;
  for (;;) {
    const host = text[position] === '[' ? readBracketed(text, position) : readPlain(text, position, ':/?,');
    let end = host.end;
    let port: string | undefined;
    if (text[end] === ':') {
      const written = readPlain(text, end + 1, '/?,');
      port = written.text;
      end = written.end;
    }
    hosts.push({ host: host.text, port });
    if (text[end] !== ',') return { hosts, end };
    position = end + 1;
  }
}

interface Piece {
  readonly text: string;
  readonly end: number;
}

function readPlain(text: string, start: number, stops: string): Piece {
  let end = start;
  while (end < text.length && !stops.includes(text.charAt(end))) end += 1;
  return { text: text.slice(start, end), end };
}

function readBracketed(text: string, start: number): Piece {
  const close = text.indexOf(']', start);
  if (close < 0) throw new InvalidDsnError('An IPv6 address in the URI starts with "[" and has no "]".');
  if (close === start + 1)
    throw new InvalidDsnError('The IPv6 address between "[" and "]" in the URI is empty.');
  const next = text.charAt(close + 1);
  if (!':/?,'.includes(next)) {
    throw new InvalidDsnError(
      'The "]" of an IPv6 address in the URI may be followed only by ":", "/", "?" or ",".',
    );
  }
  return { text: text.slice(start + 1, close), end: close + 1 };
}

function authorityEntries(hosts: readonly HostAndPort[], portRule: PortRule, text: string): Entry[] {
  const entries: Entry[] = [];
  const host = hosts.map((one) => one.host).join(',');
  const port = writtenPort(hosts, portRule);
  // A host name cannot contain "@": this is the end of a password. The directory of a socket can.
  if (hosts.some((one) => /^ *(?!%2f)[^ @/][^@]*@/i.test(one.host))) throw unencodedCredentials();
  if (host !== '') entries.push({ name: 'host', value: percentDecode(host, 'the host') });
  if (port !== '') entries.push({ name: 'port', value: percentDecode(port, 'the port') });
  // Later checks would show such a port, which may be the first half of a password.
  if (looksUnencoded(text) && port.split(',').some(unusablePort)) throw unencodedCredentials();
  return entries;
}

function unusablePort(written: string): boolean {
  if (written === '') return false;
  const number = parseInteger(written);
  return number === undefined || number < 1 || number > 65_535;
}

/** The ports as one value of libpq's `port`; the empty string for a single host without a port. */
function writtenPort(hosts: readonly HostAndPort[], portRule: PortRule): string {
  const last = hosts.at(-1)?.port;
  if (portRule === 'last-serves-all' && hosts.length > 1 && last !== undefined && last !== '') {
    // A bare colon ("db1:,db2:6432") gives a port: the default one.
    if (hosts.slice(0, -1).every((one) => one.port === undefined)) return last;
  }
  return hosts.map((one) => one.port ?? '').join(',');
}

function readQuery(query: string): Entry[] {
  const pairs = query.split('&');
  // libpq stops at the end of the string, so that one trailing "&" is harmless.
  if (pairs.at(-1) === '') pairs.pop();
  return pairs.map((pair, index) => {
    const equals = pair.indexOf('=');
    if (equals < 0) {
      throw new InvalidDsnError(`Parameter number ${index + 1} after the "?" of the URI has no "=".`);
    }
    if (pair.includes('=', equals + 1)) {
      throw new InvalidDsnError(
        `Parameter number ${index + 1} after the "?" of the URI has more than one "=". Write "=" in a value as %3D.`,
      );
    }
    const name = percentDecode(pair.slice(0, equals), 'the name of a parameter');
    return { name, value: percentDecode(pair.slice(equals + 1), 'the value of a parameter') };
  });
}

/** Whether there is an `@` that ended no credentials: the password may contain a `/` that was not encoded. */
export function looksUnencoded(text: string): boolean {
  const start = uriPrefixLength(text);
  return credentialsEnd(text, start) < 0 && text.includes('@', start);
}

const ENCODING_ADVICE =
  'If the user name or the password contains special characters, percent-encode them: "@" is %40, ":" is %3A, "/" is %2F, ' +
  '"?" is %3F, "#" is %23, "%" is %25.';

function unencodedCredentials(): InvalidDsnError {
  return new InvalidDsnError(
    `The user name and the password cannot be distinguished from the rest of the URI (no part of it is shown). ${ENCODING_ADVICE}`,
  );
}
