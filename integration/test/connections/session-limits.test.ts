import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster, ClusterOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type PgBouncer, pgbouncerPath, startPgBouncer } from '../../src/pgbouncer.ts';
import { open as openCluster, rejection } from '../../src/support.ts';

let cluster: TestCluster;
const opened: Cluster[] = [];

const LIMITS = { statementTimeoutMs: 1_500, lockTimeoutMs: 250.4, idleInTransactionTimeoutMs: 60_000 };
const SHOWN = { statement: '1500ms', lock: '251ms', idle: '1min' };
const QUESTION =
  "select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock, " +
  "current_setting('idle_in_transaction_session_timeout') as idle";

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(() => cluster?.close());

function open(options: Partial<ClusterOptions> = {}): Cluster {
  const db = openCluster(cluster, { ...LIMITS, ...options });
  opened.push(db);
  return db;
}

describe('limits of sessions', () => {
  it('hold for statements and transactions, and are the server’s own where none are given', async () => {
    const db = open();
    expect(await db.one(QUESTION)).toEqual(SHOWN);
    expect(await db.transaction((tx) => tx.one(QUESTION))).toEqual(SHOWN);
    const without = open({
      statementTimeoutMs: undefined,
      lockTimeoutMs: 0,
      idleInTransactionTimeoutMs: undefined,
    });
    expect(await without.one(QUESTION)).toEqual({ statement: '0', lock: '0', idle: '0' });
  });

  it('stand over those of the URL, and come back when a session is made as new', async () => {
    const url = `${cluster.url}?options=-c%20statement_timeout%3D9s%20-c%20geqo%3Doff`;
    const db = open({ url, pool: { max: 1 } });
    await db.use((lease) => lease.query('set statement_timeout = 0'));
    expect(await db.one(QUESTION)).toEqual(SHOWN);
    expect(await db.one('show geqo')).toEqual({ geqo: 'off' });
  });

  it('end what takes too long, on the server', async () => {
    const db = open({ statementTimeoutMs: 100 });
    expect(await rejection(db.query('select pg_sleep(60)'))).toMatchObject({ code: '57014' });
  });

  it('do not hold for the monitor, whose probes have deadlines of their own', async () => {
    const db = open({ statementTimeoutMs: 1 });
    await db.ready();
    await db.nextProbe();
    expect(db.nodes()).toMatchObject([{ health: 'ok', role: 'primary' }]);
  });

  it('are checked', () => {
    expect(() => open({ statementTimeoutMs: -1 })).toThrow(/statementTimeoutMs is -1, but must be/);
    expect(() => open({ lockTimeoutMs: '1s' as unknown as number })).toThrow(/lockTimeoutMs/);
  });
});

// Where CI runs it is installed; elsewhere a machine may lack it.
const suite = pgbouncerPath === undefined && process.env['CI'] === undefined ? describe.skip : describe;

suite('limits of sessions behind PgBouncer', () => {
  let bouncer: PgBouncer;

  beforeAll(async () => {
    bouncer = await startPgBouncer(cluster.primary);
  });

  afterAll(() => bouncer?.[Symbol.asyncDispose]());

  it.each([[true], [undefined]])('hold in each transaction, with pooler: %s', async (pooler) => {
    const db = open({ url: bouncer.url, pooler });
    expect(await db.one(QUESTION)).toEqual(SHOWN);
    expect(await db.transaction((tx) => tx.one(QUESTION))).toEqual(SHOWN);
    const slow = open({ url: bouncer.url, pooler, statementTimeoutMs: 100 });
    expect(await rejection(slow.query('select pg_sleep(60)'))).toMatchObject({ code: '57014' });
    // Nothing of it stays with the server's session, which others use next.
    const other = open({
      url: bouncer.url,
      pooler: true,
      statementTimeoutMs: undefined,
      lockTimeoutMs: undefined,
      idleInTransactionTimeoutMs: undefined,
    });
    expect(await other.one(QUESTION)).toEqual({ statement: '0', lock: '0', idle: '0' });
  });
});
