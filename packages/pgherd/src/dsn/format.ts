import { REDACTED } from '../model/secret.ts';
import { clearValuesOf, type Dsn, listOf, toDsn } from './dsn.ts';
import { quoteKeywordValue } from './keywords.ts';
import { parameterNamed } from './parameters.ts';

/** The two forms of a connection string. */
export type DsnStyle = (typeof DSN_STYLES)[number];

/** All {@link DsnStyle}s; the first is the default. */
export const DSN_STYLES = Object.freeze(['uri', 'keywords'] as const);

/** Options of {@link formatDsn}. */
export interface FormatDsnOptions {
  /** Writes `***` for every secret. Default `false`: the result can be parsed again. Set it for output. */
  readonly redact?: boolean | undefined;
  /** Default `uri`. */
  readonly style?: DsnStyle | undefined;
}

/**
 * A DSN as a connection string. `parseDsn` returns the same DSN for it, under either port rule.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` if a string is passed that cannot be parsed.
 *
 * @example
 * formatDsn('host=db1,db2 password=x', { redact: true }) // 'postgresql://:***@/?host=db1,db2'
 */
export function formatDsn(dsn: Dsn | string, options: FormatDsnOptions = {}): string {
  const values = clearValuesOf(toDsn(dsn));
  if (options.redact === true) {
    for (const name of values.keys()) {
      if (parameterNamed(name)?.secret === true) values.set(name, REDACTED);
    }
  }
  return options.style === 'keywords' ? formatKeywords(values) : formatUri(values);
}

function formatKeywords(values: ReadonlyMap<string, string>): string {
  return [...values].map(([name, value]) => `${name}=${quoteKeywordValue(value)}`).join(' ');
}

/** Parts that the authority cannot express (empty values, one port for several hosts) become parameters. */
function formatUri(values: ReadonlyMap<string, string>): string {
  const rest = new Map(values);
  const take = (name: string): string => {
    const value = values.get(name) ?? '';
    if (value !== '') rest.delete(name);
    return value;
  };
  const user = encodeURIComponent(take('user'));
  const password = take('password');
  const credentials = password === '' ? user : `${user}:${encodeURIComponent(password)}`;
  const authority = formatAuthority(values.get('host'), values.get('port'));
  if (authority !== undefined) {
    take('host');
    take('port');
  }
  const database = take('dbname');
  const query = [...rest].map(([name, value]) => `${name}=${encodeQueryValue(value)}`).join('&');
  const path = database === '' && query === '' ? '' : `/${encodeURIComponent(database)}`;
  const at = credentials === '' ? '' : `${credentials}@`;
  return `postgresql://${at}${authority ?? ''}${path}${query === '' ? '' : `?${query}`}`;
}

/**
 * `host:port,…`, or `undefined` if only parameters after the question mark can express exactly these values.
 */
function formatAuthority(host: string | undefined, port: string | undefined): string | undefined {
  if (host === '' || port === '') return undefined;
  const hosts = listOf(host);
  const ports = listOf(port);
  if (hosts.length <= 1) {
    if (ports.length > 1) return undefined;
    return `${encodeHost(host ?? '')}${port === undefined ? '' : `:${encodeURIComponent(port)}`}`;
  }
  if (hosts.length !== ports.length) return undefined;
  const bare = ports.every((one) => one === '');
  // An empty port is written as a bare colon: without it, a port at the end would apply to all hosts.
  return hosts
    .map((one, index) => `${encodeHost(one)}${bare ? '' : `:${encodeURIComponent(ports[index] ?? '')}`}`)
    .join(',');
}

function encodeHost(host: string): string {
  return host.includes(':') && /^[0-9a-fA-F:.]+$/.test(host) ? `[${host}]` : encodeURIComponent(host);
}

/** Commas, slashes and colons need no encoding there, and are easier to read. */
function encodeQueryValue(value: string): string {
  return encodeURIComponent(value).replaceAll(/%2C|%2F|%3A/g, decodeURIComponent);
}
