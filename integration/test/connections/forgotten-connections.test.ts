import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterEvents, type ClusterOptions, createCluster, type Lease } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BY_XID } from '../../src/ledger.ts';
import { createTable, nameOf, PATIENT, rejection } from '../../src/support.ts';
import { serverVersions } from '../../src/versions.ts';

/** `count` times `line`, with pauses, milliseconds. */
async function* slowly(line: string, count: number, pauseMs: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) {
    yield line;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

const pidOf = async (lease: Lease) => (await lease.one('select pg_backend_pid() as pid'))['pid'];

/** A connection whose validation is due: it has not been used for a while. */
const IDLE_FOR_MS = 500;

describe.each(serverVersions())('connections that the network forgets, PostgreSQL %s', (version) => {
  let cluster: TestCluster;
  const opened: Cluster[] = [];
  let condemned: ClusterEvents['connection:condemned'][] = [];

  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0, proxy: true, version });
    await createTable(cluster, 'kept', 'id int');
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.terminate()));
    condemned = [];
    await endSessions();
  });

  afterAll(() => cluster?.close());

  async function open(options: ClusterOptions = {}): Promise<Cluster> {
    const db = createCluster({ url: cluster.url, ...PATIENT, ...options });
    opened.push(db);
    db.on('connection:condemned', (event) => condemned.push(event));
    await db.ready({ primaries: 1 });
    return db;
  }

  /** What the proxy has forgotten the server does not miss. */
  async function endSessions(): Promise<void> {
    await cluster.primary.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and pid <> pg_backend_pid()`,
    );
  }

  /** How many connections wait in the pool for their validation, all opened at the same time. */
  async function idle(db: Cluster, count: number): Promise<void> {
    const leases = await Promise.all(Array.from({ length: count }, () => db.acquire()));
    for (const lease of leases) lease.release();
    const since = performance.now();
    await waitUntil(() => performance.now() - since >= IDLE_FOR_MS, { what: 'a validation to be due' });
  }

  const backends = async (what: string) =>
    (await cluster.primary.sql(`select pid, wait_event from pg_stat_activity where ${what}`)).length;

  it('one that is lost before its access is changed costs one call a trial', async () => {
    const db = await open({ pool: { max: 1, validate: 'never' } });
    // It may only read from then on, until a call that writes changes that.
    const port = await db.read.use((lease) =>
      lease.one('select client_port from pg_stat_activity where pid = pg_backend_pid()'),
    );
    expect(cluster.primary.proxy.forget((lost) => lost === port['client_port'])).toBe(1);
    // Without a limit of its own nothing but a trial can end it, and the monitor hears nothing of it.
    const kept = await db.use((lease) => lease.one('insert into kept values (20) returning id'));
    expect(kept).toEqual({ id: 20 });
    expect(condemned).toHaveLength(1);
  });

  it('twenty idle ones cost a caller one validation', async () => {
    const db = await open({ pool: { max: 20 } });
    await idle(db, 20);
    cluster.primary.proxy.forget();
    expect(await db.one('select 1 as a')).toEqual({ a: 1 });
    await waitUntil(() => db.stats().total.size === 1, { what: 'the others to be closed' });
    expect(condemned).toEqual([]);
    // Nor do they take up slots of the server until its keepalive finds out.
    const own = `usename = 'app' and application_name = 'pgherd'`;
    await waitUntil(async () => (await backends(own)) <= 1, { what: 'the server to have ended them' });
  });

  it('ten busy ones end by the ordinary rule, and the pool works again', async () => {
    const db = await open();
    const leases = await Promise.all(Array.from({ length: 10 }, () => db.acquire()));
    cluster.primary.proxy.forget();
    const ends = await Promise.all(
      leases.map((lease) => rejection(lease.query('insert into kept values (0)'))),
    );
    for (const error of ends) expect(error).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
    expect(condemned).toHaveLength(10);
    expect(new Set(condemned.map(({ state }) => state))).toEqual(new Set(['idle']));
    for (const lease of leases) lease.release();
    await db.query('insert into kept values (0)');
  });

  it('those that are lost alone are found by how long they wait, since the monitor hears nothing of it', async () => {
    const db = await open();
    await db.query('insert into kept values (6)');
    const lost = await db.begin();
    await lost.query('select from kept where id = 6 for update');
    await db.nextProbe();
    const sleeping = db.transaction((tx) => tx.one('select pg_sleep(8), 1 as a'));
    const [row] = await cluster.primary.sql('select client_port from pg_stat_activity where pid = $1', [
      (await lost.one('select pg_backend_pid() as pid'))['pid'],
    ]);
    expect(cluster.primary.proxy.forget((port) => port === row?.['client_port'])).toBe(1);
    const late = rejection(lost.query('select 1'));
    // The lock is free as soon as the connection is given up.
    await db.query('update kept set id = id where id = 6');
    expect(await late).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    expect(condemned).toMatchObject([{ state: 'idle in transaction' }]);
    expect(db.nodes()[0]?.health).toBe('ok');
    // What the server works on for as long is left alone.
    expect(await sleeping).toMatchObject({ a: 1 });
    expect(condemned).toHaveLength(1);
  });

  it('a read by db.query runs again; a write is of unknown outcome, and never arrives', async () => {
    const db = await open({ pool: { max: 1, validate: 'never' } });
    await db.query('select 1');
    cluster.primary.proxy.forget();
    expect(await db.read.one('select 2 as a')).toEqual({ a: 2 });
    await db.query('insert into kept values (0)');
    cluster.primary.proxy.forget();
    expect(await rejection(db.query('insert into kept values (1)'))).toMatchObject({
      code: 'PGHERD_OUTCOME_UNKNOWN',
    });
    expect(await db.one('select count(*)::int as n from kept where id = 1')).toEqual({ n: 0 });
    expect(condemned).toHaveLength(2);
  });

  it('a transaction ends on the server with its locks; a COMMIT that is asked about by its number runs again', async () => {
    const db = await open();
    await db.query('insert into kept values (2)');
    let runs = 0;
    const done = db.transaction(async (tx) => {
      runs += 1;
      await tx.query('update kept set id = id where id = 2');
      if (runs === 1) cluster.primary.proxy.forget();
    }, BY_XID);
    await done;
    expect(runs).toBe(2);
    expect(condemned).toMatchObject([
      { node: nameOf(cluster.primary), pid: expect.any(Number), state: 'idle in transaction' },
    ]);
    expect(condemned[0]?.waitedMs).toBeGreaterThan(0);
    await db.query('update kept set id = id where id = 2');
  });

  it('a COMMIT that was executed, and whose answer was lost, is found to be committed', async () => {
    const db = await open();
    const { proxy } = cluster.primary;
    // COMMIT passes, its answer does not: the connection is forgotten in between.
    const undo = proxy.watch(({ chunk, direction }) => {
      if (direction === 'to-client' && chunk.includes('COMMIT\0')) proxy.forget();
    });
    let runs = 0;
    await db.transaction(async (tx) => {
      runs += 1;
      await tx.query('insert into kept values (3)');
    }, BY_XID);
    await undo.undo();
    expect(runs).toBe(1);
    expect(await db.one('select count(*)::int as n from kept where id = 3')).toEqual({ n: 1 });
    expect(condemned).toMatchObject([{ state: 'idle' }]);
  });

  it('what the server works on, or waits for, is left alone while other connections are lost', async () => {
    const db = await open();
    await db.query('insert into kept values (4)');
    const holder = await db.begin();
    await holder.query('select from kept where id = 4 for update');
    const lost = await db.acquire();
    const sleeping = db.transaction((tx) => tx.one('select pg_sleep(6), 1 as a'));
    const waiting = db.query('update kept set id = id where id = 4');
    const copying = db.copyFrom('copy kept from stdin', slowly('5\n', 12, 500));
    await waitUntil(
      async () => (await backends(`wait_event in ('PgSleep', 'tuple', 'transactionid')`)) >= 2,
      {
        what: 'both to run',
      },
    );
    await waitUntil(async () => (await backends(`query like 'copy kept%' and state = 'active'`)) === 1, {
      what: 'the copy to run',
    });
    // Only the monitor's connection and that of the lease are lost; the others are on trial with it.
    const ports = await cluster.primary.sql(
      `select client_port from pg_stat_activity where pid = $1 or application_name like '% monitor'`,
      [await pidOf(lost)],
    );
    const lostPorts = new Set(ports.map((row) => row['client_port']));
    expect(cluster.primary.proxy.forget((port) => lostPorts.has(port))).toBe(2);
    await rejection(lost.query('select 1'));
    expect(condemned).toHaveLength(1);
    expect(await sleeping).toMatchObject({ a: 1 });
    await holder.commit();
    await waiting;
    expect((await copying).rowCount).toBe(12);
    expect(condemned).toHaveLength(1);
    lost.release();
  });
});
