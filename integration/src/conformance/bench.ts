import { createTestCluster, type TestCluster, type TestClusterOptions } from '@pgherd/testing';
import {
  type ConnectionListener,
  type ConnectRequest,
  type Driver,
  type DriverConnection,
  type Notification,
  Secret,
  type ServerMessage,
} from 'pgherd';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** What a connection told its listener. */
export class Recorder implements ConnectionListener {
  readonly parameters: [string, string][] = [];
  readonly messages: ServerMessage[] = [];
  readonly closures: unknown[] = [];
  readonly notifications: Notification[] = [];

  parameter(name: string, value: string): void {
    this.parameters.push([name, value]);
  }

  message(message: ServerMessage): void {
    this.messages.push(message);
  }

  closed(error: unknown): void {
    this.closures.push(error);
  }

  notification(notification: Notification): void {
    this.notifications.push(notification);
  }
}

/** An adapter on a server, and what the parts of the suite need of them. */
export interface ConformanceBench<C = unknown> {
  readonly driver: Driver<C>;
  readonly cluster: TestCluster;
  request(changes?: Partial<ConnectRequest>): ConnectRequest;
  /** Opens a connection that ends with the test. */
  connect(
    changes?: Partial<ConnectRequest>,
  ): Promise<{ readonly connection: DriverConnection<C>; readonly told: Recorder }>;
  /** Leaves a connection to the end of the test. */
  keep(connection: DriverConnection<C>): DriverConnection<C>;
  /** Has the server end a session. */
  terminate(connection: DriverConnection<C>): Promise<void>;
  /** How many sessions of the suite the server has. */
  sessions(): Promise<number>;
}

/** A signal that never aborts. */
export const NEVER: AbortSignal = new AbortController().signal;

/** The ways to the server that are asked for where nothing else is. */
export const IN_CLEAR: ConnectRequest['tls'] = Object.freeze({
  mode: 'disable',
  verify: 'none',
  sni: true,
  negotiation: 'postgres',
  certMode: 'allow',
});

/** Starts a server for the surrounding `describe`, and cleans up behind each test. */
export function conformanceBench<C>(
  driver: Driver<C>,
  options: TestClusterOptions = {},
): ConformanceBench<C> {
  let cluster: TestCluster;
  const opened: DriverConnection<C>[] = [];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0, proxy: true, auth: 'scram-sha-256', ...options });
  });

  afterEach(async () => {
    await cluster.primary.heal();
    await Promise.all(opened.splice(0).map((connection) => connection.end()));
    // A session whose client is gone finishes its statement first.
    await cluster.primary.sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'conformance'",
    );
  });

  afterAll(() => cluster?.close());

  const bench: ConformanceBench<C> = {
    driver,
    get cluster() {
      return cluster;
    },
    request: (changes = {}) => ({
      address: { host: cluster.primary.host, port: cluster.primary.port, transport: 'tcp' },
      user: 'app',
      database: 'app',
      password: new Secret('app'),
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
      const told = new Recorder();
      return { connection: bench.keep(await driver.connect(bench.request(changes), told, NEVER)), told };
    },
    terminate: async (connection) => {
      const { rows } = await connection.query({ text: 'select pg_backend_pid() as pid' });
      await cluster.primary.sql('select pg_terminate_backend($1)', [rows[0]?.['pid']]);
    },
    sessions: async () => {
      const text = "select count(*)::int as n from pg_stat_activity where application_name = 'conformance'";
      return Number((await cluster.primary.sql(text))[0]?.['n']);
    },
  };
  return bench;
}

/** The servers a suite runs on: the newest one, in CI also the oldest that reports its role, and those of `PGHERD_TEST_VERSIONS`. */
export function conformanceVersions(): (number | undefined)[] {
  const asked = (process.env['PGHERD_TEST_VERSIONS'] ?? '').split(',').map(Number).filter(Boolean);
  const always = process.env['CI'] === undefined ? [] : [14];
  return [undefined, ...new Set([...always, ...asked])];
}
