import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster, PgHerdError } from 'pgherd';
import { createPool, herdClient } from 'pgherd/pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, createTable, open, rejection } from '../../src/support.ts';

const CONNECTIONS = 8;
const INSERT = 'insert into kept values (1)';
/** A statement that was not sent, since its connection had gone. */
const LOST = { code: 'PGHERD_CONNECTION_LOST', details: { phase: 'not-handed' } };

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  await createTable(cluster, 'kept', 'id int not null');
});
beforeEach(async () => {
  // A probe finds it out before the first write as long as probes are frequent.
  db = open(cluster, { probe: { intervalMs: 60_000, timeoutMs: 30_000 } });
  await db.ready();
});
afterEach(async () => {
  await writable(cluster.primary, true);
  await db.close({ timeoutMs: 5_000 });
});
afterAll(() => cluster?.close());

/** Whether new transactions may write, as before a switchover. */
async function writable(node: TestNode, may: boolean): Promise<void> {
  await node.sql(`alter system ${may ? 'reset' : 'set'} default_transaction_read_only${may ? '' : ' = on'}`);
  await node.reload();
  const sees = async () => await node.appSql('show default_transaction_read_only');
  await waitUntil(async () => (await sees())[0]?.['default_transaction_read_only'] === (may ? 'off' : 'on'), {
    what: 'the server to take up its configuration',
  });
}

/**
 * Writes until the server refuses, or until it has been asked: a session takes up the change before its next statement or the one after
 * that, and shows it with the answer.
 */
async function untilRefused(write: () => Promise<unknown>): Promise<void> {
  const known = new Promise<true>((resolve) => db.on('node:role-changed', () => resolve(true)));
  const isRefused = async () => (await outcome(write())) !== 'ok';
  await waitUntil(() => Promise.race([known, isRefused()]), { what: 'a write to be refused' });
}

/** The code of what a statement ended with; `ok` without an error. */
function outcome(run: Promise<unknown>): Promise<unknown> {
  return run.then(() => 'ok', codeOf);
}

describe('a primary that refuses writes', () => {
  it('gets no more of a pool until it has been asked: one call fails, the others wait', async () => {
    const pool = createPool(db, { pg, max: CONNECTIONS, idleTimeoutMillis: 0 });
    await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.query('select pg_sleep(0.05)')));
    expect(pool.idleCount).toBe(CONNECTIONS);
    await writable(cluster.primary, false);
    await untilRefused(() => pool.query(INSERT));
    const waiting = Array.from({ length: 2 * CONNECTIONS }, () => outcome(pool.query(INSERT)));
    await db.nextProbe();
    await writable(cluster.primary, true);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['ok']));
    await pool.end();
  });

  it('gets no more of clients that stand alone: what they begin is not sent', async () => {
    const Client = herdClient(pg, db);
    const clients = [new Client(), new Client()] as const;
    for (const client of clients) {
      client.on('error', () => undefined);
      await client.connect();
    }
    await writable(cluster.primary, false);
    const [first, second] = clients;
    await untilRefused(() => first.query(INSERT));
    // It has ended by the time the refusal passes, or ends with what it has begun.
    const { code, details, message } = (await rejection(second.query(INSERT))) as PgHerdError;
    const hasEnded = message === 'Client has encountered a connection error and is not queryable';
    if (!hasEnded) expect({ code, details }).toMatchObject(LOST);
    for (const client of clients) await client.end().catch(() => undefined);
  });
});

describe('a pool that knows nothing of nodes, on a primary that refuses writes', () => {
  it('loses one call of each connection at most: the end comes right behind the refusal', async () => {
    const pool = new pg.Pool({ Client: herdClient(pg, db), max: CONNECTIONS, idleTimeoutMillis: 0 });
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    const failed: unknown[] = [];
    let written = 0;
    let isOver = false;
    const write = async (): Promise<void> => {
      while (!isOver) {
        const client = await pool.connect();
        const ended = await outcome(client.query(INSERT));
        // As a library does that leaves it to the pool to notice.
        client.release();
        if (ended === 'ok') written++;
        else failed.push(ended);
      }
    };
    const more = async (): Promise<void> => {
      const before = written;
      await waitUntil(() => written > before + CONNECTIONS, { what: 'more writes' });
    };
    const writers = Promise.all(Array.from({ length: CONNECTIONS }, write));
    await more();
    const known = new Promise((resolve) => db.on('node:role-changed', resolve));
    await writable(cluster.primary, false);
    await known;
    await writable(cluster.primary, true);
    await db.nextProbe();
    await more();
    isOver = true;
    await writers;
    expect(failed.length).toBeLessThanOrEqual(CONNECTIONS);
    await pool.end();
  });
});

describe('a refusal that says nothing of the primary', () => {
  it('delays the others for as long as an answer takes, and not again soon', async () => {
    const pool = createPool(db, { pg, max: 2 });
    for (let round = 0; round < 3; round++) {
      const client = await pool.connect();
      await client.query('begin read only');
      const refused = rejection(client.query(INSERT));
      expect(await outcome(pool.query(INSERT))).toBe('ok');
      expect(codeOf(await refused)).toBe('25006');
      expect(await outcome(pool.query(INSERT))).toBe('ok');
      await client.query('rollback');
      client.release();
    }
    await pool.end();
  });

  it('of a session that began read-only delays nothing', async () => {
    const reading = createPool(db, { pg, max: 1, options: '-c default_transaction_read_only=on' });
    const pool = createPool(db, { pg, max: 1 });
    await pool.query('select 1');
    expect(codeOf(await rejection(reading.query(INSERT)))).toBe('25006');
    expect(await outcome(pool.query(INSERT))).toBe('ok');
    await reading.end();
    await pool.end();
  });
});
