import { once } from 'node:events';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { type Cluster, closeSharedClusters } from 'pgherd';
import { createPool, Pool } from 'pgherd/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  db = open(cluster);
});
afterAll(async () => {
  await db?.close();
  await closeSharedClusters();
  await cluster?.close();
});

/** What pools of `pg` do, those of pgherd do as well. */
const MADE: readonly [string, (config?: pg.PoolConfig) => pg.Pool][] = [
  ['pg', (config) => new pg.Pool({ connectionString: cluster.primary.url, ...config })],
  ['createPool', (config) => createPool(db, { pg, ...config })],
  ['pgherd/pg', (config) => new Pool({ connectionString: cluster.url, ...config })],
];

const END_OWN_SESSION = 'select pg_terminate_backend(pg_backend_pid())';

const messageOf = (error: Error): string => error.message;

describe.each(MADE)('a pool of %s whose server ends a session', (_name, make) => {
  it('the statement under way has the words of the server, and what waits behind it the end', async () => {
    const pool = make({ max: 1 });
    const client = await pool.connect();
    const reported: string[] = [];
    client.on('error', (error) => reported.push(error.message));
    const outcomes = await Promise.all(
      [END_OWN_SESSION, 'select 1'].map((text) => client.query(text).then(() => 'done', messageOf)),
    );
    expect(outcomes).toEqual([
      'terminating connection due to administrator command',
      'Connection terminated unexpectedly',
    ]);
    await waitUntil(() => reported.length > 0, { what: 'the error of the client' });
    expect(await client.query('select 1').catch(messageOf)).toBe(
      'Client has encountered a connection error and is not queryable',
    );
    expect(reported).toEqual(['Connection terminated unexpectedly']);
    client.release();
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });

  it('a client that is given back when its statement fails is reported by the pool when it ends', async () => {
    const pool = make({ max: 1 });
    const ended = once(pool, 'error');
    const client = await pool.connect();
    await client.query(END_OWN_SESSION).catch(() => undefined);
    client.release();
    const [error] = await ended;
    expect(messageOf(error)).toBe('Connection terminated unexpectedly');
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });

  it('an idle client is reported by the pool with the words of the server', async () => {
    const pool = make({ max: 1 });
    const client = await pool.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const ended = once(pool, 'error');
    client.release();
    await cluster.primary.sql('select pg_terminate_backend($1)', [rows[0].pid]);
    const [error] = await ended;
    expect(error.code).toBe('57P01');
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });
});

describe.each(MADE)('a pool of %s', (name, make) => {
  it('makes promises of the class that it was given', async () => {
    class Own<T> extends Promise<T> {}
    const config = { Promise: Own } as unknown as pg.PoolConfig;
    const pool = make(config);
    const connecting = pool.connect();
    const querying = pool.query('select 1 as n');
    expect([connecting, querying].map((made) => made instanceof Own)).toEqual([true, true]);
    (await connecting).release();
    expect((await querying).rows).toEqual([{ n: 1 }]);
    const ending = pool.end();
    expect(ending).toBeInstanceOf(Own);
    await ending;
    const late = [pool.connect(), pool.query('select 1'), pool.end()];
    expect(late.map((made) => made instanceof Own)).toEqual([true, true, true]);
    expect((await Promise.allSettled(late)).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
  });

  it('takes the short scheme of a connection string', async () => {
    const urls = { pg: cluster.primary.url, createPool: cluster.url, 'pgherd/pg': cluster.url };
    const connectionString = urls[name as keyof typeof urls].replace(/^\w+:/, 'pg:');
    const pool = make({ connectionString });
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await pool.end();
  });
});

it('a pool that shares its queries makes promises of the class that it was given', async () => {
  class Own<T> extends Promise<T> {}
  const pool = createPool(db, { pg, query: 'shared', Promise: Own } as Parameters<
    typeof createPool<typeof pg>
  >[1]);
  const querying = pool.query('select 1 as n');
  expect(querying).toBeInstanceOf(Own);
  expect((await querying).rows).toEqual([{ n: 1 }]);
  await pool.end();
});
