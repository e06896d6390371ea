import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type ClusterOptions, createCluster } from 'pgherd';
import { herdStream } from 'pgherd/pg';
import { herdOptions } from 'pgherd/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GUESTS, type MakeGuest } from '../../src/guests.ts';
import { open, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0, auth: 'scram-sha-256' });
});
afterAll(() => cluster?.close());

/** What a guest gets of a cluster with these options. */
async function refusal(make: MakeGuest, options: ClusterOptions): Promise<unknown> {
  await using db = createCluster({ ...PATIENT, ...options });
  await using guest = make(db);
  return await rejection(guest.run('select 1'));
}

describe.each(GUESTS)('%s that is refused', (_client, make) => {
  it('for its password gets the words of the server', async () => {
    const url = cluster.url.replace('app:app@', 'app:wrong@');
    expect(await refusal(make, { url })).toMatchObject({
      code: '28P01',
      severity: 'FATAL',
      message: expect.stringContaining('password authentication failed'),
      routine: 'auth_failed',
    });
  });

  it('for its database gets the words of the server', async () => {
    const url = cluster.url.replace(/\/app$/, '/gone');
    expect(await refusal(make, { url })).toMatchObject({
      code: '3D000',
      message: expect.stringContaining('"gone"'),
    });
  });

  it('for want of slots gets the words of the server, after it has waited', async () => {
    // The cluster's own pool has it.
    await cluster.primary.sql('alter role app connection limit 1');
    try {
      await using db = open(cluster, { waitTimeoutMs: 2_000 });
      await db.query('select 1');
      await using guest = make(db);
      expect(await rejection(guest.run('select 1'))).toMatchObject({ code: '53300' });
      await cluster.primary.sql('alter role app connection limit -1');
      expect(await guest.run('select 1 as n')).toEqual([{ n: 1 }]);
    } finally {
      await cluster.primary.sql('alter role app connection limit -1');
    }
  });

  it('because there is no server learns that', async () => {
    const url = 'postgres://app@127.0.0.1:1/app';
    expect(await refusal(make, { url, waitTimeoutMs: 200 })).toMatchObject({
      code: 'PGHERD_NO_SUITABLE_NODE',
    });
  });
});

it('a call of the cluster itself keeps the words of the server as the cause', async () => {
  const url = cluster.url.replace('app:app@', 'app:wrong@');
  await using db = createCluster({ url, ...PATIENT });
  expect(await rejection(db.query('select 1'))).toMatchObject({
    code: 'PGHERD_AUTHENTICATION_FAILED',
    cause: { code: '28P01' },
  });
});

describe('a guest with wishes of its own', () => {
  it('a setting that the server does not know is refused at once', async () => {
    await using db = open(cluster);
    const client = new pg.Client({ stream: herdStream(db), ssl: false, options: '-c nonsense=1' });
    expect(await rejection(client.connect())).toMatchObject({ code: '42704' });
  });

  it('another user or database than the cluster has is refused in words', async () => {
    await using db = open(cluster);
    const refused = { code: 'PGHERD_INVALID_ARGUMENT', message: expect.stringContaining('"another"') };
    const client = new pg.Client({ stream: herdStream(db), ssl: false, user: 'another' });
    expect(await rejection(client.connect())).toMatchObject(refused);
    const sql = postgres({ ...herdOptions(db), database: 'another' });
    expect(await rejection(sql`select 1`)).toMatchObject(refused);
    await sql.end({ timeout: 1 });
  });

  it('postgres.js with TLS of its own is refused in words', async () => {
    await using db = open(cluster);
    const sql = postgres({ ...herdOptions(db), ssl: 'require' });
    expect(await rejection(sql`select 1`)).toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('sslmode'),
    });
    await sql.end({ timeout: 1 });
  });

  it('postgres.js that asks for the role itself is warned of, once', async () => {
    await using db = open(cluster);
    const warnings: string[] = [];
    const note = ({ message }: Error) => warnings.push(message);
    process.on('warning', note);
    const sql = postgres({ ...herdOptions(db), max: 3, target_session_attrs: 'primary' });
    await Promise.all([sql`select 1`, sql`select 2`, sql`select 3`]);
    await sql.end({ timeout: 1 });
    process.off('warning', note);
    expect(warnings.filter((one) => one.includes('target_session_attrs'))).toHaveLength(1);
  });

  it('a limit of its own ends the wait for a node', async () => {
    await using db = createCluster({ url: 'postgres://app@127.0.0.1:1/app', ...PATIENT });
    const pool = new pg.Pool({ stream: herdStream(db), ssl: false, connectionTimeoutMillis: 100 });
    expect(String(await rejection(pool.query('select 1')))).toContain('timeout');
    await pool.end();
  });
});
