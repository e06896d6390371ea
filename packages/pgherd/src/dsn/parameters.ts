/**
 * What pgherd does with a parameter. `honoured`: the same as libpq. `mapped`: a parameter of other Node.js
 * libraries that becomes a field of the plan. `ignored`: one warning names it. `checked`: accepted unless its
 * value demands something that pgherd does not do. `refused`: an error.
 */
export type ParameterFate = 'honoured' | 'mapped' | 'ignored' | 'checked' | 'refused';

/** One parameter of a connection string. */
export interface Parameter {
  readonly name: string;
  /** The environment variable that libpq reads for it. */
  readonly env?: string | undefined;
  readonly fate: ParameterFate;
  /** Never shown and never kept as a plain string. */
  readonly secret?: boolean | undefined;
}

type Row = readonly [name: string, fate: ParameterFate, env?: string | undefined, secret?: 'secret'];

const ROWS: readonly Row[] = [
  ['service', 'honoured', 'PGSERVICE'],
  ['servicefile', 'honoured', 'PGSERVICEFILE'],
  ['user', 'honoured', 'PGUSER'],
  ['password', 'honoured', 'PGPASSWORD', 'secret'],
  ['passfile', 'honoured', 'PGPASSFILE'],
  ['dbname', 'honoured', 'PGDATABASE'],
  ['host', 'honoured', 'PGHOST'],
  ['hostaddr', 'honoured', 'PGHOSTADDR'],
  ['port', 'honoured', 'PGPORT'],
  ['target_session_attrs', 'honoured', 'PGTARGETSESSIONATTRS'],
  ['load_balance_hosts', 'honoured', 'PGLOADBALANCEHOSTS'],
  ['connect_timeout', 'honoured', 'PGCONNECT_TIMEOUT'],
  ['application_name', 'honoured', 'PGAPPNAME'],
  ['fallback_application_name', 'honoured'],
  ['options', 'honoured', 'PGOPTIONS'],
  ['client_encoding', 'checked', 'PGCLIENTENCODING'],
  ['channel_binding', 'honoured', 'PGCHANNELBINDING'],
  ['require_auth', 'checked', 'PGREQUIREAUTH'],
  ['sslmode', 'honoured', 'PGSSLMODE'],
  ['sslnegotiation', 'honoured', 'PGSSLNEGOTIATION'],
  ['sslrootcert', 'honoured', 'PGSSLROOTCERT'],
  ['sslcert', 'honoured', 'PGSSLCERT'],
  ['sslkey', 'honoured', 'PGSSLKEY'],
  ['sslpassword', 'honoured', undefined, 'secret'],
  ['sslcertmode', 'checked', 'PGSSLCERTMODE'],
  ['sslcrl', 'honoured', 'PGSSLCRL'],
  ['sslcrldir', 'refused', 'PGSSLCRLDIR'],
  ['sslsni', 'honoured', 'PGSSLSNI'],
  ['ssl_min_protocol_version', 'honoured', 'PGSSLMINPROTOCOLVERSION'],
  ['ssl_max_protocol_version', 'honoured', 'PGSSLMAXPROTOCOLVERSION'],
  ['sslcompression', 'checked', 'PGSSLCOMPRESSION'],
  ['sslkeylogfile', 'ignored'],
  ['keepalives', 'honoured'],
  ['keepalives_idle', 'honoured'],
  ['keepalives_interval', 'honoured'],
  ['keepalives_count', 'honoured'],
  ['tcp_user_timeout', 'honoured'],
  ['min_protocol_version', 'checked', 'PGMINPROTOCOLVERSION'],
  ['max_protocol_version', 'checked', 'PGMAXPROTOCOLVERSION'],
  ['gssencmode', 'checked', 'PGGSSENCMODE'],
  ['krbsrvname', 'ignored', 'PGKRBSRVNAME'],
  ['gsslib', 'ignored', 'PGGSSLIB'],
  ['gssdelegation', 'ignored', 'PGGSSDELEGATION'],
  ['requirepeer', 'checked', 'PGREQUIREPEER'],
  ['replication', 'checked'],
  ['scram_client_key', 'refused', undefined, 'secret'],
  ['scram_server_key', 'refused', undefined, 'secret'],
  ['oauth_issuer', 'ignored'],
  ['oauth_client_id', 'ignored'],
  ['oauth_client_secret', 'ignored', undefined, 'secret'],
  ['oauth_scope', 'ignored'],
  ['pgbouncer', 'mapped'],
  ['schema', 'mapped'],
  ['connection_limit', 'mapped'],
  ['pool_timeout', 'mapped'],
  ['sslaccept', 'mapped'],
  ['uselibpqcompat', 'mapped'],
  ['socket_timeout', 'ignored'],
  ['statement_cache_size', 'ignored'],
  ['max_connection_lifetime', 'ignored'],
  ['max_idle_connection_lifetime', 'ignored'],
  ['single_use_connections', 'ignored'],
  ['supa', 'ignored'],
  ['workaround', 'ignored'],
];

/**
 * Every parameter of connection strings, service files and the environment, in the order of `docs/dsn.md`.
 */
export const PARAMETERS: readonly Parameter[] = Object.freeze(
  ROWS.map(([name, fate, env, secret]) => Object.freeze({ name, fate, env, secret: secret !== undefined })),
);

const BY_NAME: ReadonlyMap<string, Parameter> = new Map(PARAMETERS.map((one) => [one.name, one]));

/** Names that are translated into `sslmode` when they are read; they never appear in a parsed DSN. */
export const TRANSLATED_NAMES: readonly string[] = Object.freeze(['ssl', 'requiressl']);

/** All names that a connection string may contain, for suggestions. */
export const KNOWN_NAMES: readonly string[] = Object.freeze([...BY_NAME.keys(), ...TRANSLATED_NAMES]);

/** The parameter with exactly this name (libpq's names are case-sensitive), or `undefined`. */
export function parameterNamed(name: string): Parameter | undefined {
  return BY_NAME.get(name);
}
