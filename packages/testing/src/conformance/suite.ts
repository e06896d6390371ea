import type * as pgherd from 'pgherd';
import type { ConnectRequest, Driver, DriverConnection } from 'pgherd/connection';
import type { TestCluster } from '../cluster.ts';
import { createTestCluster } from '../create.ts';
import { RecordingListener } from './recording-listener.ts';
import type { ConformanceRunner } from './runner.ts';

/** Long enough that only a test that hangs reaches it, milliseconds. */
const TEST_TIMEOUT_MS = 120_000;

/** The exports of pgherd that the suite needs at run time. The namespace of `pgherd` is such an object. */
export type ConformancePgherd = Pick<
  typeof pgherd,
  'ERROR_CODES' | 'PgHerdError' | 'Secret' | 'classifyError'
>;

/** What the suite is run with. */
export interface ConformanceOptions {
  /** Name of the driver, for the titles of the tests. */
  readonly name: string;
  /** Makes the driver. Called more than once: each hostile server gets a driver that has met no other. */
  readonly makeDriver: () => Driver;
  /** `import * as pgherd from 'pgherd'`: the copy that the driver is used with. */
  readonly pgherd: ConformancePgherd;
  /** `import * as vitest from 'vitest'`, or the like. */
  readonly runner: ConformanceRunner;
  /** Major version of the servers. Default: the one that is installed. */
  readonly version?: number | undefined;
}

/** A connection and what it reported. */
export interface Connected {
  readonly connection: DriverConnection;
  readonly listener: RecordingListener;
}

/** What each part of the suite works with. */
export interface Suite {
  describe(name: string, tests: () => void): void;
  it(name: string, test: () => Promise<void>): void;
  readonly expect: ConformanceRunner['expect'];
  readonly pgherd: ConformancePgherd;
  readonly makeDriver: () => Driver;
  readonly driver: Driver;
  readonly cluster: TestCluster;
  request(changes?: Partial<ConnectRequest>): ConnectRequest;
  /** Opens a connection that ends with the test. */
  connect(changes?: Partial<ConnectRequest>): Promise<Connected>;
  /** Ends a connection with the test. */
  keep(connection: DriverConnection): DriverConnection;
  /** Makes the server end a session. */
  terminate(connection: DriverConnection): Promise<void>;
  /** How many sessions of the suite the server has. */
  sessions(): Promise<number>;
}

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/** No TLS: what a request asks for unless a test says otherwise. */
export const IN_CLEAR: ConnectRequest['tls'] = Object.freeze({
  mode: 'disable',
  verify: 'none',
  sni: true,
  negotiation: 'postgres',
  certMode: 'allow',
});

/** Starts a server for the surrounding `describe`, and cleans up after each test. */
export function createSuite(options: ConformanceOptions): Suite {
  const { pgherd, runner, makeDriver } = options;
  const driver = makeDriver();
  const opened: DriverConnection[] = [];
  const cluster = startedCluster(options, opened);

  const suite: Suite = {
    describe: (name, tests) => runner.describe(name, tests),
    it: (name, test) => runner.it(name, test, TEST_TIMEOUT_MS),
    expect: (actual, message) => runner.expect(actual, message),
    pgherd,
    makeDriver,
    driver,
    get cluster() {
      return cluster();
    },
    request: (changes = {}) => ({
      address: { host: cluster().primary.host, port: cluster().primary.port, transport: 'tcp' },
      user: 'app',
      database: 'app',
      password: new pgherd.Secret('app'),
      tls: IN_CLEAR,
      applicationName: 'conformance',
      startup: {},
      keepAliveMs: 10_000,
      ...changes,
    }),
    keep: (connection) => {
      opened.push(connection);
      return connection;
    },
    connect: async (changes) => {
      const listener = new RecordingListener();
      const connection = await driver.connect(suite.request(changes), listener, NEVER);
      return { connection: suite.keep(connection), listener };
    },
    terminate: async (connection) => {
      const { rows } = await connection.query({ text: 'select pg_backend_pid() as pid' });
      await cluster().primary.sql('select pg_terminate_backend($1)', [rows[0]?.['pid']]);
    },
    sessions: async () => {
      const text = "select count(*)::int as n from pg_stat_activity where application_name = 'conformance'";
      return Number((await cluster().primary.sql(text))[0]?.['n']);
    },
  };
  return suite;
}

function startedCluster(
  { runner, version }: ConformanceOptions,
  opened: DriverConnection[],
): () => TestCluster {
  let cluster: TestCluster | undefined;
  const started = (): TestCluster => {
    if (cluster === undefined) throw new Error('The cluster of the conformance suite has not been started.');
    return cluster;
  };

  runner.beforeAll(async () => {
    cluster = await createTestCluster({
      standbys: 0,
      proxy: true,
      auth: 'scram-sha-256',
      tls: true,
      version,
    });
  }, TEST_TIMEOUT_MS);

  runner.afterEach(async () => {
    await started().primary.heal();
    await Promise.all(opened.splice(0).map((connection) => connection.end()));
    // A session whose client is gone finishes its statement first.
    await started().primary.sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'conformance'",
    );
  }, TEST_TIMEOUT_MS);

  runner.afterAll(async () => {
    await cluster?.close();
  }, TEST_TIMEOUT_MS);

  return started;
}
