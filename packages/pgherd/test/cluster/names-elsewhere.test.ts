import { afterAll, describe, expect, it } from 'vitest';
import { CALL_OPTIONS } from '../../src/call/call-option-names.ts';
import { createCluster } from '../../src/cluster/cluster.ts';
import { KNOWN_NAMES } from '../../src/dsn/index.ts';
import { OURS } from '../../src/model/names-elsewhere.ts';
import { OPTION_RULES } from '../../src/options/option-rules.ts';

/** Nothing listens there: what is refused must be refused before a connection is tried. */
const db = createCluster('postgres://app@127.0.0.1:1/app');
afterAll(() => db.terminate());

const SECRET = 'hunter2';

/** With what may be left out. */
function spelt(rows: readonly Row[]): [unknown, readonly string[], readonly string[]][] {
  return rows.map(([given, must, mustNot = []]) => [given, must, mustNot]);
}

type Row = readonly [given: unknown, must: readonly string[], mustNot?: readonly string[]];

/** Options of other clients, given to `createCluster`. */
const OPTIONS: readonly Row[] = [
  [
    { connectionString: `postgres://app:${SECRET}@db1/app` },
    ['connectionString is not an option; write url'],
  ],
  [{ dsn: 'x' }, ['write url']],
  [{ host: 'db1' }, ['it stands in the connection string', '@host:port/']],
  [{ port: 5432 }, ['it stands in the connection string', '@host:port/']],
  [{ user: 'app' }, ['it stands in the connection string', '//user:']],
  [{ username: 'app' }, ['it stands in the connection string', '//user:']],
  [{ database: 'app' }, ['it stands in the connection string', '/dbname']],
  [{ path: '/tmp' }, ['the directory of a Unix socket is a host']],
  [{ pass: SECRET }, ['write password']],
  [{ ssl: true }, ['write tls'], ['sslmode']],
  [{ sslmode: 'require' }, ['write tls: { mode }']],
  [{ ca: 'x' }, ['write tls: { rootCert }']],
  [{ max: 10 }, ['write pool: { max }'], ['milliseconds']],
  [{ min: 1 }, ['write pool: { min }']],
  [{ poolSize: 10 }, ['write pool: { max }']],
  [{ max_size: 10 }, ['write pool: { max }']],
  [{ 'Maximum Pool Size': 10 }, ['write pool: { max }']],
  [{ maxUses: 1 }, ['write pool: { maxUses }']],
  [{ idleTimeoutMillis: 1 }, ['write pool: { idleTimeoutMs }, in milliseconds'], ['seconds ', 'instead']],
  [{ idle_timeout: 1 }, ['write pool: { idleTimeoutMs }, in milliseconds instead of seconds']],
  [{ max_lifetime: 1 }, ['write pool: { maxLifetimeMs }, in milliseconds instead of seconds']],
  [{ maxLifetimeSeconds: 1 }, ['write pool: { maxLifetimeMs }, in milliseconds instead of seconds']],
  [{ connectionTimeoutMillis: 1 }, ['write connectTimeoutMs, in milliseconds', 'waitTimeoutMs'], ['instead']],
  [{ connect_timeout: 1 }, ['write connectTimeoutMs, in milliseconds instead of seconds']],
  [{ acquire_timeout: 1 }, ['write waitTimeoutMs, in milliseconds instead of seconds']],
  [{ acquireConnectionTimeout: 1 }, ['write waitTimeoutMs, in milliseconds'], ['instead']],
  [{ statement_timeout: 1 }, ['write statementTimeoutMs, in milliseconds'], ['instead']],
  [{ query_timeout: 1 }, ['write timeoutMs, in milliseconds'], ['instead']],
  [{ command_timeout: 1 }, ['write timeoutMs, in milliseconds instead of seconds']],
  [{ lock_timeout: 1 }, ['write lockTimeoutMs']],
  [{ idle_in_transaction_session_timeout: 1 }, ['write idleInTransactionTimeoutMs']],
  [{ application_name: 'x' }, ['did you mean applicationName?']],
  [{ fallback_application_name: 'x' }, ['write applicationName']],
  [{ keepAlive: true }, ['it stands in the connection string', '?keepalives=']],
  [{ keepAliveInitialDelayMillis: 1 }, ['?keepalives_idle=', 'in seconds instead of milliseconds']],
  [{ no_prepare: true }, ['write prepare']],
  [{ max_pipeline: 5 }, ['write lanes: { maxDepth }']],
  [{ onConnect: 1 }, ['write hooks: { afterConnect }']],
  [{ logging: true }, ['write logger']],
  [{ allowExitOnIdle: true }, ['db.close()']],
  [{ connection: {} }, ['write session']],
  [{ replication: {} }, ['name all servers in url', 'db.read']],
  [{ targetServerType: 'primary' }, ['write target', 'secondary is standby']],
  [{ target_session_attrs: 'any' }, ['write target']],
  [{ 'Target Session Attributes': 'any' }, ['write target']],
  [{ loadBalanceHosts: true }, ['write policy']],
  [{ balancer_policy: 'x' }, ['write policy']],
  [{ hostRecheckSeconds: 10 }, ['probe: { intervalMs }']],
  [{ refresh_delay: 1 }, ['write probe: { intervalMs }, in milliseconds instead of seconds']],
  [{ refresh_timeout: 1 }, ['write probe: { timeoutMs }, in milliseconds instead of seconds']],
  [{ fallback_master: true }, ['it is the option of a call fallback']],
  [{ isolationLevel: 'x' }, ['it is the option of a call isolation']],
  [{ tags: {} }, ['it is the option of a call tags']],
  [
    { pool: { idleTimeoutMillis: 1 } },
    ['pool.idleTimeoutMillis is not an option; write pool: { idleTimeoutMs }'],
  ],
  [{ pool: { acquireTimeoutMillis: 1 } }, ['write waitTimeoutMs, in milliseconds']],
  [{ nodes: { '127.0.0.1:1': { pool: { maxSize: 1 } } } }, ['].pool.maxSize is not an option; write max']],
  [new URL(`postgres://app:${SECRET}@db1/app`), ['pass its href']],
  [null, ['must be a connection string, or an object of options']],
  [['db1'], ['must be a connection string, or an object of options', 'an array']],
];

it.each(spelt(OPTIONS))('createCluster: %o', async (given, must, mustNot) => {
  const options =
    given instanceof URL || Array.isArray(given) || given === null
      ? given
      : { url: 'postgres://app@127.0.0.1:1/app', ...(given as object) };
  await assertSays(() => Reflect.apply(createCluster, undefined, [options]), must, mustNot);
});

/** The same in a connection string. */
const PARAMETERS: readonly Row[] = [
  ['connectionString=x', ['It is the option of createCluster url']],
  ['database=x', ['Did you mean "dbname"?']],
  ['max=5', ['Did you mean "connection_limit"?']],
  ['min=5', ['It is the option of createCluster pool: { min }']],
  ['idleTimeoutMillis=5', ['pool: { idleTimeoutMs }, in milliseconds.'], ['instead']],
  ['idle_timeout=5', ['pool: { idleTimeoutMs }, in milliseconds instead of seconds.']],
  ['max_lifetime=5', ['pool: { maxLifetimeMs }, in milliseconds instead of seconds.']],
  [
    'connectionTimeoutMillis=5',
    ['Did you mean "connect_timeout", in seconds instead of milliseconds?', 'waitTimeoutMs'],
  ],
  ['loginTimeout=5', ['Did you mean "connect_timeout", in seconds?']],
  ['statement_timeout=5', ['createCluster statementTimeoutMs, in milliseconds.']],
  ['query_timeout=5', ['createCluster timeoutMs, in milliseconds.']],
  ['socketTimeout=5', ['Did you mean "socket_timeout"?']],
  ['lock_timeout=5', ['createCluster lockTimeoutMs']],
  ['prepare=false', ['It is the option of createCluster prepare']],
  ['prepareThreshold=0', ['It is the option of createCluster prepare']],
  ['targetServerType=secondary', ['Did you mean "target_session_attrs"?', 'secondary is standby']],
  ['loadBalanceHosts=true', ['Did you mean "load_balance_hosts"?']],
  ['Target%20Session%20Attributes=any', ['Did you mean "target_session_attrs"?']],
  ['Load%20Balance%20Hosts=true', ['Did you mean "load_balance_hosts"?']],
  ['hostRecheckSeconds=5', ['probe: { intervalMs }']],
  ['Host%20Recheck%20Seconds=5', ['probe: { intervalMs }']],
  ['currentSchema=x', ['Did you mean "schema"?']],
  ['ApplicationName=x', ['Did you mean "application_name"?']],
  ['defaultRowFetchSize=5', ['It is the option of a call batchSize']],
  ['refresh_delay=1', ['probe: { intervalMs }, in milliseconds instead of seconds.']],
  ['acquire_timeout=1', ['Did you mean "pool_timeout", in seconds?']],
  ['nosuchthing=1', ['docs/dsn.md']],
];

it.each(spelt(PARAMETERS))('the parameter %s', async (given, must, mustNot) => {
  await assertSays(() => createCluster(`postgres://app:${SECRET}@db1/app?${String(given)}`), must, [
    ...mustNot,
    SECRET,
  ]);
});

/** Options of calls. */
const CALLS: readonly Row[] = [
  [{ statement_timeout: 5 }, ['write timeoutMs, in milliseconds']],
  [{ query_timeout: 5 }, ['write timeoutMs, in milliseconds']],
  [{ commandTimeout: 5 }, ['write timeoutMs, in milliseconds instead of seconds']],
  [{ abortSignal: 5 }, ['write signal']],
  [{ targetServerType: 'x' }, ['write target']],
  [{ fallback_master: true }, ["write fallback (or the target 'prefer-standby')"]],
  [{ master_as_replica_weight: 1 }, ['write primaryReadWeight']],
  [{ useReplica: true }, ["write target (the target 'prefer-standby')"]],
  [{ prepare: true }, ['it is the option of createCluster prepare']],
  [{ waitTimeoutMs: 1 }, ['it is the option of createCluster waitTimeoutMs']],
  [{ max: 1 }, ['it is the option of createCluster pool: { max }']],
  [{ host: 'x' }, ['it stands in the connection string']],
  [{ ssl: true }, ['it is the option of createCluster tls']],
];

it.each(spelt(CALLS))('query: %o', async (given, must, mustNot) => {
  await assertSays(() => Reflect.apply(db.query, db, ['select 1', [], given]), must, mustNot);
});

it('an object with a statement: values and text have other names elsewhere', async () => {
  const params = { text: 'select $1', params: [SECRET] };
  await assertSays(
    () => Reflect.apply(db.query, db, [params]),
    ['params is not an option of query; write values'],
    [],
  );
});

async function assertSays(
  work: () => unknown,
  must: readonly string[],
  mustNot: readonly string[],
): Promise<void> {
  const said = await messageOf(work);
  for (const words of must) expect(said).toContain(words);
  for (const words of [...mustNot, SECRET]) expect(said).not.toContain(words);
}

async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

describe('the table of names', () => {
  it('points to options that exist', () => {
    const options = new Set(OPTION_RULES.flatMap(({ name }) => [name, name.split('.')[0] ?? '']));
    for (const { cluster, call, url } of OURS) {
      if (cluster !== undefined && !cluster.startsWith('session.')) expect(options).toContain(cluster);
      if (call !== undefined) expect(new Set([...CALLED, ...CALL_OPTIONS])).toContain(call);
      if (url !== undefined) expect(KNOWN_NAMES).toContain(url);
    }
  });
});

/** Options of verbs and properties of statements that are no options of every call. */
const CALLED = ['values', 'text', 'batchSize', 'isolation', 'readOnly'];
