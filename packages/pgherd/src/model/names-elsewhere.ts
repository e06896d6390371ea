import { folded } from './nearest.ts';

/** Where a name was written: options of a cluster, options of a call, or parameters of a connection string. */
export type Place = 'cluster' | 'call' | 'url';

/** What an option of another client is called here, by the place where it is written. */
export interface Ours {
  /** Option of `createCluster`, `group.name`. */
  readonly cluster?: string;
  /** Option of a call, or property of a statement. */
  readonly call?: string;
  /** Parameter of a connection string. */
  readonly url?: string;
  /** Unit of the number elsewhere. */
  readonly unit?: Unit;
  /** What is to be done if no name of ours means the same; else what is to be known besides. */
  readonly say?: string;
}

type Unit = 'milliseconds' | 'seconds';

/** Parameters of connection strings that are durations; libpq's and Prisma's are in seconds. */
const SECONDS: ReadonlySet<string> = new Set(['connect_timeout', 'pool_timeout', 'keepalives_idle']);

const ALL_HOSTS =
  "name all servers in url ('postgres://db1,db2,db3/…'): their roles are found out, and db.read reads from standbys";
const WATCHED = 'servers are watched all the time: see probe: { intervalMs }';

/**
 * The names that other clients have: node-postgres, postgres.js, Npgsql, pgjdbc, hasql, asyncpg, SQLAlchemy, Prisma, Sequelize, TypeORM,
 * Knex. Only those that nothing of ours is called; case, `_`, `-` and blanks do not count.
 */
const ROWS: readonly (readonly [names: string, ours: Ours])[] = [
  ['connectionString connectionUri databaseUrl dataSource uri dsn', { cluster: 'url' }],
  ['host hostname server address', { url: 'host' }],
  ['port', { url: 'port' }],
  ['path', { url: 'host', say: 'the directory of a Unix socket is a host that begins with /' }],
  ['user username userId uid', { url: 'user' }],
  ['pass pwd', { cluster: 'password', url: 'password' }],
  ['database db dbname initialCatalog', { url: 'dbname' }],
  ['currentSchema searchPath schema', { cluster: 'session.search_path', url: 'schema' }],
  ['options', { cluster: 'session', url: 'options' }],
  ['serverSettings connection runtimeParams', { cluster: 'session', call: 'settings' }],
  ['ssl', { cluster: 'tls', url: 'sslmode' }],
  ['sslmode sslfactory trustServerCertificate rejectUnauthorized', { cluster: 'tls.mode', url: 'sslmode' }],
  ['ca rootCertificate sslca sslrootcert', { cluster: 'tls.rootCert', url: 'sslrootcert' }],
  ['sslidentity sslcertificate clientCertificate sslcert', { cluster: 'tls.cert', url: 'sslcert' }],
  [
    'max maxSize poolSize maxPoolSize maximumPoolSize maxConnections connectionLimit',
    { cluster: 'pool.max', url: 'connection_limit' },
  ],
  ['min minSize minPoolSize minimumPoolSize', { cluster: 'pool.min' }],
  ['maxOverflow', { cluster: 'pool.max', say: 'there is one limit for each node' }],
  ['maxUses maxQueries', { cluster: 'pool.maxUses' }],
  [
    'idleTimeout connectionIdleLifetime maxInactiveConnectionLifetime maxIdleConnectionLifetime',
    { cluster: 'pool.idleTimeoutMs', unit: 'seconds' },
  ],
  ['idleTimeoutMillis idle', { cluster: 'pool.idleTimeoutMs', unit: 'milliseconds' }],
  [
    'maxLifetime maxLifetimeSeconds connectionLifetime poolRecycle maxConnectionLifetime',
    { cluster: 'pool.maxLifetimeMs', unit: 'seconds' },
  ],
  ['poolPrePing testOnBorrow', { cluster: 'pool.validate' }],
  ['logUnclosedConnections', { cluster: 'pool.leakAfterMs' }],
  ['connectTimeout loginTimeout', { cluster: 'connectTimeoutMs', url: 'connect_timeout', unit: 'seconds' }],
  [
    'connectionTimeoutMillis createTimeoutMillis',
    {
      cluster: 'connectTimeoutMs',
      url: 'connect_timeout',
      unit: 'milliseconds',
      say: 'how long a call waits for a connection is waitTimeoutMs',
    },
  ],
  [
    'connectionTimeout',
    {
      cluster: 'connectTimeoutMs',
      url: 'connect_timeout',
      say: 'how long a call waits for a connection is waitTimeoutMs',
    },
  ],
  ['acquireTimeout poolTimeout', { cluster: 'waitTimeoutMs', url: 'pool_timeout', unit: 'seconds' }],
  [
    'acquireTimeoutMillis acquireConnectionTimeout acquire',
    { cluster: 'waitTimeoutMs', url: 'pool_timeout', unit: 'milliseconds' },
  ],
  ['statementTimeout', { cluster: 'statementTimeoutMs', call: 'timeoutMs', unit: 'milliseconds' }],
  ['queryTimeout requestTimeout', { cluster: 'timeoutMs', call: 'timeoutMs', unit: 'milliseconds' }],
  ['commandTimeout socketTimeout', { cluster: 'timeoutMs', call: 'timeoutMs', unit: 'seconds' }],
  ['lockTimeout', { cluster: 'lockTimeoutMs', unit: 'milliseconds' }],
  ['idleInTransactionSessionTimeout', { cluster: 'idleInTransactionTimeoutMs', unit: 'milliseconds' }],
  ['applicationName appName', { cluster: 'applicationName', url: 'application_name' }],
  ['fallbackApplicationName', { cluster: 'applicationName', url: 'fallback_application_name' }],
  ['keepAlive tcpKeepAlive keepalives', { url: 'keepalives' }],
  ['keepAliveInitialDelayMillis', { url: 'keepalives_idle', unit: 'milliseconds' }],
  [
    'noPrepare preparedStatements prepareThreshold maxAutoPrepare statementCacheSize preparedStatementCacheQueries',
    { cluster: 'prepare' },
  ],
  ['prepare', { cluster: 'prepare' }],
  ['maxPipeline', { cluster: 'lanes.maxDepth' }],
  ['onConnect afterCreate', { cluster: 'hooks.afterConnect' }],
  ['log logging debug', { cluster: 'logger' }],
  ['backoff maxRetries', { cluster: 'retry' }],
  ['allowExitOnIdle', { say: 'close the cluster at the end of the program: await db.close()' }],
  ['balancerPolicy loadBalancingPolicy', { cluster: 'policy' }],
  ['poolFactoryKwargs extra', { cluster: 'pool' }],
  ['refreshDelay updateInterval', { cluster: 'probe.intervalMs', unit: 'seconds' }],
  ['refreshTimeout updateTimeout', { cluster: 'probe.timeoutMs', unit: 'seconds' }],
  ['hostRecheckSeconds', { say: WATCHED }],
  ['loadBalanceHosts loadBalance', { cluster: 'policy', url: 'load_balance_hosts' }],
  [
    'targetServerType targetSessionAttributes targetSessionAttrs',
    {
      cluster: 'target',
      call: 'target',
      url: 'target_session_attrs',
      say: 'secondary is standby, preferSecondary is prefer-standby',
    },
  ],
  ['replication replicas readReplicas replicaUrls slaves', { say: ALL_HOSTS }],
  ['fallbackMaster fallbackPrimary', { call: 'fallback', say: "or the target 'prefer-standby'" }],
  ['masterAsReplicaWeight weight', { call: 'primaryReadWeight' }],
  ['useMaster usePrimary', { call: 'target', say: "the target 'primary'" }],
  ['useReplica replica readFromReplica', { call: 'target', say: "the target 'prefer-standby'" }],
  ['isolationLevel', { call: 'isolation' }],
  ['accessMode', { call: 'readOnly' }],
  ['params parameters bind binds args replacements', { call: 'values' }],
  ['sql queryText', { call: 'text' }],
  ['fetchSize defaultRowFetchSize highWaterMark cursorSize chunkSize', { call: 'batchSize' }],
  ['abortSignal', { call: 'signal' }],
];

/** What the table points to, for tests. */
export const OURS: readonly Ours[] = ROWS.map(([, ours]) => ours);

/** Options of calls, and of createCluster, that are often written at the other place. */
const OF_CALLS =
  'signal node tags fallback after settings idempotent maxLagMs maxLagBytes primaryReadWeight readOnly isolation';
const OF_CLUSTERS =
  'url pool tls retry session hooks probe lanes lag zone nodes discovery pooler policy logger applicationName waitTimeoutMs ' +
  'connectTimeoutMs statementTimeoutMs lockTimeoutMs idleInTransactionTimeoutMs';

const NAMES: ReadonlyMap<string, Ours> = new Map<string, Ours>([
  ...OF_CALLS.split(' ').map((name) => [folded(name), { call: name }] as const),
  ...OF_CLUSTERS.split(' ').map((name) => [folded(name), { cluster: name }] as const),
  ...ROWS.flatMap(([names, ours]) => names.split(' ').map((name) => [folded(name), ours] as const)),
]);

/**
 * What is to be written instead of a name that other clients have, as the end of a sentence; `undefined` for a name of which nothing is
 * known.
 * @param known the names that are allowed at this place; of a group its own, or those of all groups with a point between.
 */
export function meantBy(name: string, place: Place, known: ReadonlySet<string>): string | undefined {
  const ours = oursOf(name);
  if (ours === undefined) return undefined;
  const here = ours[place];
  if (place === 'url' && here !== undefined)
    return `did you mean "${here}"${unit(here, ours)}?${besides(ours)}`;
  const written = here === undefined ? undefined : allowedAs(here, known);
  if (here !== undefined && written !== undefined)
    return `write ${written}${unit(here, ours)}${besides(ours)}`;
  const other = ELSEWHERE[place].find((one) => ours[one] !== undefined);
  if (other === undefined) return ours.say;
  const there = ours[other] ?? '';
  return `${BELONGS[other]} ${other === 'url' ? inUrl(there) : grouped(there)}${unit(there, ours)}${besides(ours)}`;
}

/** The parameter of a connection string that is meant by a name of other clients. */
export function parameterMeantBy(name: string): string | undefined {
  return oursOf(name)?.url;
}

function oursOf(name: string): Ours | undefined {
  // Of an option in a group, its own name may be that of others.
  return NAMES.get(folded(name)) ?? NAMES.get(folded(name.slice(name.lastIndexOf('.') + 1)));
}

function allowedAs(name: string, known: ReadonlySet<string>): string | undefined {
  const [group = '', inner = group] = name.split('.');
  if (known.has(name) || known.has(group)) return grouped(name);
  return known.has(inner) ? inner : undefined;
}

/** Where a name may belong that does not belong here, the likeliest first. */
const ELSEWHERE: Readonly<Record<Place, readonly Place[]>> = {
  cluster: ['url', 'call'],
  call: ['cluster', 'url'],
  url: ['cluster', 'call'],
};

const BELONGS: Readonly<Record<Place, string>> = {
  cluster: 'it is the option of createCluster',
  call: 'it is the option of a call',
  url: 'it stands in the connection string',
};

/** The parts of a connection string that are no parameters of a URL. */
const PARTS = 'postgres://user:password@host:port/dbname';

function inUrl(name: string): string {
  return PARTS.includes(name) ? `'${PARTS}'` : `'…?${name}=…'`;
}

function grouped(name: string): string {
  const [group, inner] = name.split('.');
  return inner === undefined ? name : `${group}: { ${inner} }`;
}

function unit(name: string, { unit: theirs }: Ours): string {
  const own: Unit | undefined = name.endsWith('Ms')
    ? 'milliseconds'
    : SECONDS.has(name)
      ? 'seconds'
      : undefined;
  if (own === undefined) return '';
  return theirs === undefined || theirs === own ? `, in ${own}` : `, in ${own} instead of ${theirs}`;
}

function besides({ say }: Ours): string {
  return say === undefined ? '' : ` (${say})`;
}
