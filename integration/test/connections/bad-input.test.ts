import { inspect } from 'node:util';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { type ClusterOptions, createCluster, PgHerdError } from 'pgherd';
import { createClusterOver, type Driver, type DriverConnection, wireDriver } from 'pgherd/connection';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameOf, PATIENT, rejection } from '../../src/support.ts';

const PASSWORD = 'hunter2-Geheim';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, auth: 'scram-sha-256' });
});

afterAll(() => cluster?.close());

/** Everything an error shows anywhere: message, stack, JSON, inspect, and the same of its causes. */
function shownBy(error: unknown): string {
  const parts = [inspect(error, { depth: 10, showHidden: true }), String(error), JSON.stringify(error)];
  if (error instanceof Error) parts.push(error.stack ?? '');
  if (error instanceof AggregateError) parts.push(...error.errors.map(shownBy));
  if (error instanceof Error && error.cause !== undefined) parts.push(shownBy(error.cause));
  return parts.join('\n');
}

function thrownBy(options: string | ClusterOptions): unknown {
  try {
    createCluster(options);
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** A call waits for a node longer than a test may take: what fails before did not wait. */
const ENDLESS: ClusterOptions = { ...PATIENT, waitTimeoutMs: 3_600_000 };

/** What the first call of a cluster with these options fails with. */
async function failureOf(options: ClusterOptions): Promise<unknown> {
  const db = createCluster({ ...ENDLESS, ...options });
  try {
    return await rejection(db.query('select 1'));
  } finally {
    await db.close();
  }
}

describe('what createCluster is given', () => {
  it.each([
    ['no URL at all', 'not a url', 'PGHERD_INVALID_DSN', ''],
    ['another scheme', `mysql://app:${PASSWORD}@db1/app`, 'PGHERD_INVALID_DSN', ''],
    ['a port out of range', `postgres://app:${PASSWORD}@db1:99999/app`, 'PGHERD_INVALID_DSN', '99999'],
    ['a broken escape', `postgres://app:${PASSWORD}%@db1/app`, 'PGHERD_INVALID_DSN', ''],
    ['more ports than hosts', `host=db1,db2 port=1,2,3 password=${PASSWORD}`, 'PGHERD_INVALID_DSN', 'port'],
    [
      'an unknown parameter',
      `postgres://app:${PASSWORD}@db1/app?sslmod=require`,
      'PGHERD_INVALID_DSN',
      'sslmode',
    ],
    ['a bad value', `postgres://app:${PASSWORD}@db1/app?sslmode=maybe`, 'PGHERD_INVALID_DSN', 'maybe'],
  ])('%s is told with a code, and the password never', (_what, url, code, told) => {
    const error = thrownBy({ url, ...PATIENT });
    expect(error).toBeInstanceOf(PgHerdError);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(told);
    expect(shownBy(error)).not.toContain(PASSWORD);
  });

  it('unknown options, with the nearest known name, all at once', () => {
    const options = { poll: { max: 5 }, waitTimeoutMS: 5, pool: { maximum: 3 }, password: PASSWORD };
    const error = thrownBy(options as ClusterOptions);
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_OPTIONS' });
    for (const name of ['poll', 'waitTimeoutMs', 'pool.max']) expect(String(error)).toContain(name);
    expect(error).toMatchObject({ violations: { length: 3 } });
    expect(shownBy(error)).not.toContain(PASSWORD);
  });

  it.each([
    ['a negative duration', { waitTimeoutMs: -1 }, 'waitTimeoutMs is -1'],
    ['a duration that is no number', { connectTimeoutMs: Number.NaN }, 'connectTimeoutMs is NaN'],
    [
      'an endless duration',
      { probe: { intervalMs: Number.POSITIVE_INFINITY } },
      'probe.intervalMs is Infinity',
    ],
    ['max below min', { pool: { max: 2, min: 3 } }, 'pool.max is 2'],
    ['a fraction of a connection', { pool: { max: 1.5 } }, 'pool.max is 1.5'],
    ['an unknown target', { target: 'replica' }, 'target is "replica"'],
    ['a password that is no text', { password: 42 }, 'password is ***'],
  ])('%s', (_what, options, told) => {
    const error = thrownBy({ url: 'postgres://db1', ...PATIENT, ...options } as unknown as ClusterOptions);
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_OPTIONS' });
    expect(String(error)).toContain(told);
  });
});

describe('servers that cannot be used', () => {
  it('no host reachable: the call waits for its time, then says what each said', async () => {
    const url = `postgres://app:${PASSWORD}@127.0.0.1:9,127.0.0.1:10/app`;
    const error = await failureOf({ url, waitTimeoutMs: 300 });
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect(String(error)).toContain('127.0.0.1:9: offline');
    expect(String(error)).toContain('ECONNREFUSED');
    expect(shownBy(error)).not.toContain(PASSWORD);
  });

  it('no such host', async () => {
    const error = await failureOf({ url: 'postgres://app@nowhere.invalid/app', waitTimeoutMs: 500 });
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
    expect(String(error)).toContain('nowhere.invalid:5432: ');
  });

  it('a wrong password everywhere fails at once', async () => {
    const url = cluster.url.replace('app:app@', `app:${PASSWORD}@`);
    const error = await failureOf({ url });
    expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    expect(String(error)).toContain('password authentication failed');
    for (const node of cluster.nodes) expect(String(error)).toContain(nameOf(node));
    expect(shownBy(error)).not.toContain(PASSWORD);
    const byOption = await failureOf({ url: cluster.url, password: PASSWORD });
    expect(byOption).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
    expect(shownBy(byOption)).not.toContain(PASSWORD);
  });

  it('no password where one is asked for fails at once', async () => {
    const error = await failureOf({ url: cluster.url.replace('app:app@', 'app@') });
    expect(error).toMatchObject({ code: 'PGHERD_AUTHENTICATION_FAILED' });
  });

  it('the password may come by option', async () => {
    const db = createCluster({ url: cluster.url.replace('app:app@', 'app@'), password: 'app', ...PATIENT });
    expect(await db.one('select 1 as n')).toEqual({ n: 1 });
    expect(inspect(db, { depth: 10, showHidden: true })).not.toContain("'app:");
    await db.close();
  });

  it('a database missing everywhere fails at once', async () => {
    const error = await failureOf({ url: cluster.url.replace(/app$/, 'nowhere') });
    expect(error).toMatchObject({ code: 'PGHERD_DATABASE_MISSING' });
    expect(String(error)).toContain('database "nowhere" does not exist');
  });

  it('a database missing on one host: the others serve', async () => {
    await using other = await createTestCluster({ standbys: 0, freshIdentity: true });
    await other.sql(other.primary, 'alter database app rename to elsewhere');
    const url = cluster.url.replace(/\/app$/, `,${nameOf(other.primary)}/app`);
    const db = createCluster({ url, ...PATIENT });
    try {
      expect((await db.query('select 1')).node).toBe(nameOf(cluster.primary));
      expect((await db.read.query('select 1')).node).toBe(nameOf(cluster.standbys[0]));
      const refused = db.nodes().find((node) => node.name === nameOf(other.primary));
      expect(refused).toMatchObject({ health: 'offline', connectFailure: 'database-missing' });
    } finally {
      await db.close();
    }
  });

  // PostgreSQL 12 is not among the test servers: a driver that reports it stands for one.
  it('servers that are too old fail at once', async () => {
    await using db = createClusterOver(reporting('12.22'), { url: cluster.url, ...PATIENT });
    const error = await rejection(db.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_SERVER_TOO_OLD' });
    expect(String(error)).toContain('12.22');
  });
});

/** The wire, with servers that say to be of another version. */
function reporting(version: string): Driver {
  const driver = wireDriver();
  return {
    ...driver,
    connect: async (...args) => {
      const connection: DriverConnection = await driver.connect(...args);
      const parameters = new Map([...connection.parameters, ['server_version', version] as const]);
      return new Proxy(connection, {
        get: (target, name) => {
          if (name === 'parameters') return parameters;
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}
