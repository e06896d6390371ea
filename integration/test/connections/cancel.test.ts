import { createTestCluster, type TestCluster, type TestNode, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterEvents, ClusterOptions } from 'pgherd';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fates, ONE_LANE } from '../../src/lanes.ts';
import { codeOf, createTable, nameOf, open, quiet, rejection } from '../../src/support.ts';

const NAME = 'gives up';
/** Longer than any test: whatever ends earlier was ended. */
const LONG = 'select pg_sleep(600)';
/** What stands in the place of a protocol version in a request to cancel. */
const CANCEL_REQUEST = 80_877_102;

/** What goes on at a node under the name of the test's client, monitors left out. */
async function activity(node: TestNode): Promise<Record<string, unknown>[]> {
  return node.sql(
    `select pid, state, wait_event, query from pg_stat_activity
      where application_name = $1 and pid <> pg_backend_pid()`,
    [NAME],
  );
}

async function nothingRuns(node: TestNode): Promise<void> {
  const done = async () => (await activity(node)).every(({ state }) => state === 'idle');
  await waitUntil(done, { what: 'nothing to run any more' });
}

describe('what a caller gives up', () => {
  let cluster: TestCluster;
  let db: Cluster;
  let cancelled: ClusterEvents['statement:cancelled'][];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1, proxy: true });
    await createTable(cluster, 'kept', 'id int primary key, n int');
  });
  afterAll(() => cluster?.close());

  const client = (options: ClusterOptions = {}): Cluster => {
    const made = open(cluster, { applicationName: NAME, pool: { max: 1 }, ...options });
    made.on('statement:cancelled', (event) => cancelled.push(event));
    return made;
  };

  beforeEach(async () => {
    cancelled = [];
    db = client();
    await db.ready({ primaries: 1, standbys: 1 });
    await db.query('insert into kept values (1, 0) on conflict (id) do update set n = 0');
  });
  afterEach(async () => {
    for (const node of cluster.nodes) {
      await node.thaw();
      await node.heal();
      // What was left alone goes on without its client.
      await node.sql('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
        NAME,
      ]);
    }
    await db.close();
  });

  const pidOf = async (target: 'standby' | 'primary'): Promise<unknown> =>
    (await db.one<{ pid: number }>('select pg_backend_pid() as pid', [], { target })).pid;

  it('several reads on one connection: each that runs is cancelled, and the session is used again', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    await db.close();
    db = client(ONE_LANE);
    await db.ready({ primaries: 1, standbys: 1 });
    const pid = await pidOf('standby');
    const texts = [LONG, "select 'second'", `${LONG}, 'third'`];
    expect(await fates(texts.map((text) => db.read.query(text, [], { timeoutMs: 200 })))).toEqual(
      texts.map(() => 'PGHERD_TIMEOUT'),
    );
    await nothingRuns(standby);
    expect(await pidOf('standby')).toBe(pid);
    expect(cancelled).toMatchObject([{ ended: true }]);
  });

  it('a read is cancelled on its server, and its session is used again', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const pid = await pidOf('standby');
    const error = await rejection(db.read.query(LONG, [], { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    await nothingRuns(standby);
    await quiet(db);
    expect(cancelled).toMatchObject([{ node: nameOf(standby), ended: true }]);
    expect(await pidOf('standby')).toBe(pid);
  });

  it('so it is with a signal', async () => {
    const controller = new AbortController();
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const call = rejection(db.read.query(LONG, [], { signal: controller.signal }));
    await waitUntil(async () => (await activity(standby)).some(({ state }) => state === 'active'));
    controller.abort(new Error('enough'));
    expect(await call).toMatchObject({ code: 'PGHERD_ABORTED', cause: { message: 'enough' } });
    await nothingRuns(standby);
    await quiet(db);
    expect(cancelled).toMatchObject([{ ended: true }]);
  });

  it('a write that waits for a lock is cancelled where no COMMIT waits for a standby', async () => {
    const other = open(cluster);
    try {
      const holder = await other.begin();
      await holder.query('update kept set n = n + 1 where id = 1');
      const write = db.query('update kept set n = n + 10 where id = 1', [], { timeoutMs: 100 });
      expect(await rejection(write)).toMatchObject({ code: 'PGHERD_TIMEOUT', details: { cancelled: true } });
      await nothingRuns(cluster.primary);
      await holder.commit();
      await quiet(db);
      expect(cancelled).toMatchObject([{ ended: true }]);
      expect(await db.one('select n from kept')).toEqual({ n: 1 });
    } finally {
      await other.close();
    }
  });

  it('a statement of a transaction is cancelled, and the transaction goes on from its savepoint', async () => {
    const pid = await pidOf('primary');
    await db.transaction(async (tx) => {
      await tx.query('update kept set n = 7');
      const inner = tx.transaction((savepoint) => savepoint.query(LONG, [], { timeoutMs: 100 }));
      expect(await rejection(inner)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
      await tx.query('update kept set n = n + 1');
    });
    expect(await db.one('select n from kept')).toEqual({ n: 8 });
    expect(await pidOf('primary')).toBe(pid);
  });

  it('a swallowed timeout does not let the transaction commit', async () => {
    const swallowed = db.transaction(async (tx) => {
      await tx.query('update kept set n = 7');
      await tx.query(LONG, [], { timeoutMs: 100 }).catch(() => undefined);
    });
    expect(await rejection(swallowed)).toMatchObject({ code: 'PGHERD_TRANSACTION_ROLLED_BACK' });
    expect(await db.one('select n from kept')).toEqual({ n: 0 });
  });

  it.each<[string, (tx: { query(text: string): Promise<unknown> }) => Promise<unknown>]>([
    ['while a statement runs', (tx) => tx.query(LONG)],
    ['while its function does something else', () => new Promise(() => undefined)],
    ['while several statements wait', (tx) => Promise.all([tx.query(LONG), tx.query(LONG)])],
  ])('a transaction that is out of time %s is rolled back and its session freed', async (_when, work) => {
    const late = db.transaction(
      async (tx) => {
        await tx.query('update kept set n = 7');
        await work(tx);
      },
      { timeoutMs: 300 },
    );
    expect(await rejection(late)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    await nothingRuns(cluster.primary);
    await quiet(db);
    expect(await db.one('select n from kept for update')).toEqual({ n: 0 });
  });

  it('an aborted transaction is rolled back, and its session is used again', async () => {
    const pid = await pidOf('primary');
    const controller = new AbortController();
    const aborted = db.transaction(
      async (tx) => {
        await tx.query('update kept set n = 7');
        controller.abort();
        await tx.query('select 1');
      },
      { signal: controller.signal },
    );
    expect(await rejection(aborted)).toMatchObject({ code: 'PGHERD_ABORTED' });
    await nothingRuns(cluster.primary);
    await quiet(db);
    expect(await db.one('select n from kept')).toEqual({ n: 0 });
    expect(await pidOf('primary')).toBe(pid);
  });

  it('what runs on a lease is cancelled, and the lease goes on', async () => {
    await using lease = await db.acquire({ target: 'standby' });
    const before = await lease.one('select pg_backend_pid() as pid');
    expect(await rejection(lease.query(LONG, [], { timeoutMs: 100 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
    });
    expect(await lease.one('select pg_backend_pid() as pid')).toEqual(before);
  });

  it('the request to cancel goes to the address of the session, which the name may not lead to any more', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const arrivals: Buffer[] = [];
    await using watching = standby.proxy.watch(({ chunk, direction }) => {
      if (direction === 'to-server' && chunk.length === 16 && chunk.readUInt32BE(4) === CANCEL_REQUEST)
        arrivals.push(chunk);
    });
    const pid = await pidOf('standby');
    expect(codeOf(await rejection(db.read.query(LONG, [], { timeoutMs: 100 })))).toBe('PGHERD_TIMEOUT');
    await nothingRuns(standby);
    expect(new Set(arrivals.map((packet) => packet.readInt32BE(8)))).toEqual(new Set([pid]));
    await watching.undo();
  });

  it('where the server does not hear, the session is destroyed', async () => {
    const [standby] = cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    const pid = await pidOf('standby');
    const call = rejection(db.query(LONG, [], { timeoutMs: 300, node: nameOf(standby), target: 'any' }));
    await waitUntil(async () => (await activity(standby)).some(({ state }) => state === 'active'));
    await standby.partition();
    expect(codeOf(await call)).toBe('PGHERD_TIMEOUT');
    await quiet(db);
    await waitUntil(() => cancelled.length > 0, { what: 'it to be given up' });
    expect(cancelled).toMatchObject([{ ended: false }]);
    await standby.heal();
    await db.ready({ standbys: 1 });
    expect(await pidOf('standby')).not.toBe(pid);
    await standby.sql('select pg_terminate_backend($1)', [pid]);
  });
});

describe('over TLS', () => {
  it('the request to cancel is encrypted, as the session is', async () => {
    await using cluster = await createTestCluster({ standbys: 0, proxy: true, tls: true });
    const seen: number[] = [];
    await using watching = cluster.primary.proxy.watch(({ chunk, direction }) => {
      if (direction === 'to-server' && chunk.length >= 8) seen.push(chunk.readUInt32BE(4));
    });
    const db = open(cluster, { url: `${cluster.url}?sslmode=require`, applicationName: NAME });
    try {
      await db.ready({ primaries: 1 });
      const before = await db.one('select pg_backend_pid() as pid');
      const told = new Promise((resolve) => db.on('statement:cancelled', resolve, { once: true }));
      expect(codeOf(await rejection(db.query(LONG, [], { timeoutMs: 100 })))).toBe('PGHERD_TIMEOUT');
      expect(await told).toMatchObject({ ended: true });
      await quiet(db);
      expect(await db.one('select pg_backend_pid() as pid')).toEqual(before);
    } finally {
      await db.close();
      await watching.undo();
    }
    expect(seen).not.toContain(CANCEL_REQUEST);
  });
});

describe('what may be waiting for a synchronous standby', () => {
  let cluster: TestCluster;
  let db: Cluster;
  let onlooker: Cluster;

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 1, synchronous: { commit: 'on', any: 1 } });
    await createTable(cluster, 'kept', 'id int primary key');
    db = open(cluster, { applicationName: NAME });
    onlooker = open(cluster);
    await Promise.all([db.ready({ primaries: 1 }), onlooker.ready({ primaries: 1 })]);
  });
  afterAll(async () => {
    await Promise.all([db?.close(), onlooker?.close()]);
    await cluster?.close();
  });

  const isThere = async (id: number): Promise<boolean> =>
    (await onlooker.rows('select 1 from kept where id = $1', [id])).length > 0;

  it.each<[string, number, (id: number) => Promise<unknown>]>([
    [
      'a write outside a transaction',
      1,
      (id) => db.query('insert into kept values ($1)', [id], { timeoutMs: 300 }),
    ],
    [
      'a COMMIT',
      2,
      (id) => db.transaction((tx) => tx.query('insert into kept values ($1)', [id]), { timeoutMs: 300 }),
    ],
    [
      'a write on a lease',
      3,
      (id) => db.use((lease) => lease.query('insert into kept values ($1)', [id], { timeoutMs: 300 })),
    ],
  ])('%s is not cancelled: the server goes on waiting', async (_what, id, write) => {
    const [standby] = cluster.standbys;
    const waiting = async () =>
      (await activity(cluster.primary)).filter(({ wait_event: event }) => event === 'SyncRep').length;
    await standby?.freeze();
    try {
      const call = rejection(write(id));
      await waitUntil(async () => (await waiting()) > 0, { what: 'the write to wait for its standby' });
      const error = await call;
      expect(codeOf(error)).toMatch(/^PGHERD_(OUTCOME_UNKNOWN|TIMEOUT)$/);
      await quiet(db);
      expect(await waiting()).toBe(1);
      expect(await isThere(id)).toBe(false);
    } finally {
      await standby?.thaw();
    }
    await waitUntil(() => isThere(id), { what: 'the write to be acknowledged by the standby' });
    const cancelling = cluster.primary.log.lines().filter(({ line }) => line.includes('canceling'));
    expect(cancelling).toEqual([]);
  });
});
