import { type Dsn, formatDsn, parseDsn } from '../dsn/index.ts';
import type { Secret } from '../model/secret.ts';

/** A connection string in the options of `pg`. */
export interface GivenUrl {
  /** libpq's parameters, without secrets. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly password: Secret | undefined;
  /** Whether it asks for TLS. */
  readonly tls: boolean;
  /** What `pg` itself makes of it: options of its sessions and queries. */
  readonly own: Readonly<Record<string, string>>;
  readonly dsn: Dsn;
}

/** A scheme that programs with `pg` use, and libpq does not know. */
const SHORT_SCHEME = 'pg://';
/** Parameters of connection strings that `pg` alone knows. */
const PG_ONLY: ReadonlySet<string> = new Set([
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'query_timeout',
  'binary',
]);
/** Parameters of libpq that belong to a session, not to the cluster. */
const OF_SESSIONS = ['application_name', 'fallback_application_name', 'options', 'replication'] as const;
const WITHOUT_TLS: ReadonlySet<string | undefined> = new Set([undefined, 'disable', 'allow', 'prefer']);

/**
 * Reads a connection string as pgherd does, and with it what only `pg` knows.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function readUrl(text: string): GivenUrl {
  const own: Record<string, string> = {};
  const url = text.startsWith(SHORT_SCHEME) ? `postgresql://${text.slice(SHORT_SCHEME.length)}` : text;
  const mark = url.indexOf('?');
  const rest =
    mark < 0 || !url.includes('://') ? url : `${url.slice(0, mark)}${withoutOwn(url.slice(mark + 1), own)}`;
  const dsn = parseDsn(rest);
  for (const name of OF_SESSIONS) {
    const value = dsn.parameters[name];
    if (value !== undefined) own[name] = value;
  }
  const { sslmode } = dsn.parameters;
  return {
    parameters: dsn.parameters,
    password: dsn.secrets['password'],
    tls: !WITHOUT_TLS.has(sslmode),
    own,
    dsn,
  };
}

/** A query of a URL without the parameters that only `pg` knows, which are collected in `own`. */
function withoutOwn(query: string, own: Record<string, string>): string {
  const kept = query.split('&').filter((pair) => {
    const [name = '', value = ''] = pair.split('=', 2);
    if (!PG_ONLY.has(name)) return true;
    own[name] = decodeURIComponent(value);
    return false;
  });
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The connection string of a cluster for this one: without what belongs to single sessions, and without the target. */
export function clusterUrl({ dsn }: GivenUrl): string {
  const dropped: readonly string[] = [...OF_SESSIONS, 'target_session_attrs'];
  const parameters = Object.fromEntries(
    Object.entries(dsn.parameters).filter(([name]) => !dropped.includes(name)),
  );
  return formatDsn({ ...dsn, parameters }, { style: 'keywords' });
}
