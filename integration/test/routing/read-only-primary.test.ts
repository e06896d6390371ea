import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import {
  type Cluster,
  type ClusterEvents,
  type ClusterOptions,
  createCluster,
  type TransactionOptions,
} from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createTable, nameOf, PATIENT, quiet, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
const opened: Cluster[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  await createTable(cluster, 'journal', 'id int');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(() => cluster?.close());

function open(options: ClusterOptions = {}): Cluster {
  // Slow polling: what is learnt quickly here was learnt because a write was refused.
  const db = createCluster({ url: cluster.url, ...PATIENT, probe: { intervalMs: 5_000 }, ...options });
  opened.push(db);
  return db;
}

const primaryName = (): string => nameOf(cluster.primary);
const roleOf = (db: Cluster, name: string) => db.nodes().find((node) => node.name === name)?.role;
const insert = 'insert into journal values (0)';

/** Everything that would tell that a node was thought less of. */
function setbacks(db: Cluster): unknown[] {
  const told: unknown[] = [];
  for (const name of [
    'node:role-changed',
    'node:health-changed',
    'node:standing-changed',
    'primary:changed',
  ] as const) {
    db.on(name, (event) => told.push(event));
  }
  return told;
}

describe('a healthy primary stays the primary', () => {
  const own: [string, TransactionOptions, string | undefined][] = [
    ['BEGIN READ ONLY', { readOnly: true, target: 'primary' }, undefined],
    ['SET TRANSACTION READ ONLY', {}, 'set transaction read only'],
    ['SET transaction_read_only', {}, 'set transaction_read_only = on'],
  ];
  it.each(own)('when a transaction of its own is read-only by %s', async (_how, options, first) => {
    const db = open();
    await db.ready({ primaries: 1, standbys: 2 });
    const told = setbacks(db);
    const again: ClusterEvents['call:retried'][] = [];
    db.on('call:retried', (event) => again.push(event));
    const pid = await db.one('select pg_backend_pid() as pid');
    let runs = 0;
    const work = db.transaction(async (tx) => {
      runs++;
      if (first !== undefined) await tx.query(first);
      await tx.query(insert);
    }, options);
    expect(await rejection(work)).toMatchObject({ code: '25006', node: primaryName() });
    expect(runs).toBe(1);
    expect(again).toEqual([]);
    await quiet(db);
    expect(await db.one('select pg_backend_pid() as pid')).toEqual(pid);
    expect(told).toEqual([]);
  });

  it('when a lease makes its session read-only: its error passes, its connection is not used again', async () => {
    const db = open({ pool: { max: 1 } });
    await db.ready({ primaries: 1, standbys: 2 });
    const told = setbacks(db);
    const closed: string[] = [];
    db.on('connection:closed', ({ reason }) => closed.push(reason));
    const work = db.use(async (lease) => {
      await lease.query('set default_transaction_read_only = on');
      const refused = await rejection(lease.query(insert));
      // What is left of the lease is the caller's: the connection still works.
      expect((await lease.query('select 1')).rowCount).toBe(1);
      throw refused;
    });
    expect(await rejection(work)).toMatchObject({ code: '25006', node: primaryName() });
    expect((await db.query(insert)).node).toBe(primaryName());
    expect(closed).toEqual(['refused a write as read-only']);
    expect(told).toEqual([]);
  });

  it.each([
    ['the role', 'role app'],
    ['every role', 'role all'],
    ['the database', 'database app'],
    ['the role in the database', 'role app in database app'],
  ])('when %s is read-only by default, also in the eyes of those who come new', async (_whose, whose) => {
    const set = `alter ${whose}`;
    const before = open();
    await before.ready({ primaries: 1, standbys: 2 });
    await cluster.primary.sql(`${set} set default_transaction_read_only = on`);
    try {
      const told = setbacks(before);
      const db = open();
      await db.ready({ primaries: 1, standbys: 2 });
      expect(roleOf(db, primaryName())).toBe('primary');
      const remedy = `${set.replace(/alter|role(?= )|in database|database/g, (word) => word.toUpperCase())} RESET default_transaction_read_only`;
      const refused = {
        code: '25006',
        node: primaryName(),
        message: expect.stringContaining(remedy.replace('ROLE all', 'ROLE ALL')),
      };
      expect(await rejection(db.query(insert))).toMatchObject(refused);
      expect(await rejection(db.transaction((tx) => tx.query(insert)))).toMatchObject(refused);
      expect(await rejection(db.use((lease) => lease.query(insert)))).toMatchObject(refused);
      // The setting is a default, and can be overruled by who knows better.
      const overruled = db.transaction(async (tx) => {
        await tx.query('set transaction read write');
        return tx.query(insert);
      });
      expect((await overruled).node).toBe(primaryName());
      expect(roleOf(db, primaryName())).toBe('primary');
      await before.nextProbe();
      expect(told).toEqual([]);
    } finally {
      await cluster.primary.sql(`${set} reset default_transaction_read_only`);
    }
  });

  it('when the connection string asks for read-only sessions', async () => {
    const db = open({ url: `${cluster.url}?options=-c%20default_transaction_read_only%3Don` });
    await db.ready({ primaries: 1, standbys: 2 });
    expect(await rejection(db.query(insert))).toMatchObject({ code: '25006', node: primaryName() });
    expect(roleOf(db, primaryName())).toBe('primary');
  });
});

async function fence(value: string): Promise<void> {
  await cluster.primary.sql(`alter system ${value}`);
  await cluster.primary.sql('select pg_reload_conf()');
}

describe('a primary that its own configuration makes read-only', () => {
  afterEach(() => fence('reset default_transaction_read_only'));

  it('is never a write target, is told of, and is one again when that is undone', async () => {
    await fence('set default_transaction_read_only = on');
    const db = open({ probe: { intervalMs: 200 } });
    await db.ready({ primaries: 0, standbys: 2 });
    await waitUntil(() => roleOf(db, primaryName()) === 'primary-read-only', { what: 'the role' });
    expect(db.explainTarget('read-write').tiers).toEqual([]);
    expect((await db.with({ target: 'primary' }).query('select 1')).node).toBe(primaryName());
    const late = await rejection(db.query(insert, [], { timeoutMs: 100 }));
    expect(String(late)).toContain('primary-read-only');
    const told: ClusterEvents['node:role-changed'][] = [];
    db.on('node:role-changed', (event) => told.push(event));
    const works = [
      db.query(insert),
      db.transaction((tx) => tx.query(insert)),
      db.use((lease) => lease.query(insert)),
    ];
    await fence('reset default_transaction_read_only');
    for (const work of works) expect((await work).node).toBe(primaryName());
    expect(told).toEqual([{ node: primaryName(), before: 'primary-read-only', after: 'primary' }]);
  });

  it('is found out by the first write that it refuses: autocommit and transactions wait, a lease is told', async () => {
    const db = open();
    await db.ready({ primaries: 1, standbys: 2 });
    const again: ClusterEvents['call:retried'][] = [];
    db.on('call:retried', (event) => again.push(event));
    await using lease = await db.acquire();
    await lease.query('select 1');
    await fence('set default_transaction_read_only = on');
    // A session takes up the change before its next statement, at the latest before the one after that.
    await waitUntil(
      async () => (await lease.one('show transaction_read_only'))['transaction_read_only'] === 'on',
    );
    expect(await rejection(lease.query(insert))).toMatchObject({ code: '25006', node: primaryName() });
    let runs = 0;
    const works = [
      db.query(insert),
      db.transaction((tx) => {
        runs++;
        return tx.query(insert);
      }),
    ];
    await waitUntil(() => roleOf(db, primaryName()) === 'primary-read-only', {
      what: 'the role',
    });
    await fence('reset default_transaction_read_only');
    for (const work of works) expect((await work).node).toBe(primaryName());
    expect(again.length).toBeLessThanOrEqual(2);
    expect(runs).toBeLessThanOrEqual(2);
  });
});

describe('a server that became a standby at its address', () => {
  afterEach(() => restore(cluster));

  it('gets no more writes: calls and transactions go to its successor, a lease is told and given up', async () => {
    const db = open({ probe: { intervalMs: 200 } });
    await db.ready({ primaries: 1, standbys: 2 });
    const old = cluster.primary;
    const [successor] = cluster.standbys;
    if (successor === undefined) throw new Error('no standby');
    const lease = await db.acquire();
    expect(lease.node).toBe(nameOf(old));
    await cluster.switchover(successor);
    const refused = await rejection(lease.query(insert));
    expect(refused).toMatchObject({
      code: expect.stringMatching(/^(57P01|ECONNRESET|PGHERD_CONNECTION_LOST)$/),
    });
    lease.release();
    await db.ready({ primaries: 1, standbys: 2 });
    expect(roleOf(db, nameOf(old))).toBe('standby');
    expect((await db.query(insert)).node).toBe(nameOf(successor));
    expect((await db.transaction((tx) => tx.query(insert))).node).toBe(nameOf(successor));
    expect((await db.use((other) => other.query(insert))).node).toBe(nameOf(successor));
  });
});
