import { AsyncResource } from 'node:async_hooks';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';
import { createCluster, onShutdown } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ended, Program } from '../../src/child.ts';
import { nameOf, open, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
/** Calls from another asynchronous context than the one that it is used in. */
const outside = AsyncResource.bind((fn: () => Promise<void>) => fn());

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
});

afterAll(() => cluster?.close());

async function sessionsOf(name: string): Promise<number> {
  let count = 0;
  for (const node of cluster.nodes) {
    const text = "select 1 from pg_stat_activity where application_name in ($1, $1 || ' monitor')";
    count += (await node.sql(text, [name])).length;
  }
  return count;
}

const gone = (name: string) =>
  waitUntil(async () => (await sessionsOf(name)) === 0, {
    what: `no session of ${name} to be left`,
  });

describe('close', () => {
  it('waits for what is leased and what runs, and refuses the rest', async () => {
    const db = open(cluster, { applicationName: 'closing' });
    const lease = await db.acquire();
    const running = db.query('select pg_sleep(0.2)');
    await waitUntil(() => db.stats().total.inFlight === 1);
    let closed = false;
    const closing = db.close().then(() => {
      closed = true;
    });
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect((await running).rowCount).toBe(1);
    expect((await lease.query('select 1')).rowCount).toBe(1);
    expect(closed).toBe(false);
    lease.release();
    await closing;
    await gone('closing');
  });

  it('destroys what is leased when its time is over', async () => {
    const db = open(cluster, { applicationName: 'impatient' });
    const lease = await db.acquire();
    const running = rejection(lease.query('select pg_sleep(20)'));
    const told: unknown[] = [];
    db.on('cluster:closed', (event) => told.push(event));
    await db.close({ timeoutMs: 50 });
    expect(await running).toBeInstanceOf(Error);
    expect(told).toEqual([{ terminated: true }]);
    lease.release();
    await db.close();
    expect(told).toHaveLength(1);
  });

  it('refuses a time that is none, and stays open', async () => {
    await using db = open(cluster);
    const lease = await db.acquire();
    for (const timeoutMs of [Number.NaN, -1, '5000', null] as number[]) {
      expect(await rejection(db.close({ timeoutMs }))).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
      expect(() => onShutdown(db, { timeoutMs })).toThrow('timeoutMs');
    }
    expect((await lease.query('select 1')).rowCount).toBe(1);
    lease.release();
  });

  it('says that work was cut off if terminate() came while it waited', async () => {
    const db = open(cluster);
    const lease = await db.acquire();
    const told: unknown[] = [];
    db.on('cluster:closed', (event) => told.push(event));
    const closing = db.close();
    db.terminate();
    await closing;
    expect(told).toEqual([{ terminated: true }]);
    lease.release();
  });

  it('and drain are refused inside a function that they would wait for, also while another close waits', async () => {
    const db = open(cluster);
    const [standby] = cluster.standbys;
    const refused = { code: 'PGHERD_SELF_DEADLOCK' };
    let closing: Promise<void> | undefined;
    await db.transaction(async (tx) => {
      expect(await rejection(db.drain())).toMatchObject(refused);
      expect(await rejection(db.drain(nameOf(cluster.primary)))).toMatchObject(refused);
      await db.drain(nameOf(standby));
      expect((await tx.query('select 1')).rowCount).toBe(1);
      closing = outside(() => db.close({ timeoutMs: PATIENCE_MS }));
      expect(await rejection(db.close())).toMatchObject(refused);
      expect((await tx.query('select 1')).rowCount).toBe(1);
    });
    await closing;
  });

  it('is idempotent, and every verb says PGHERD_CLOSED afterwards', async () => {
    const db = open(cluster);
    await db.query('select 1');
    await Promise.all([db.close(), db.close()]);
    await db.close();
    for (const call of [
      () => db.query('select 1'),
      () => db.read.query('select 1'),
      () => db.transaction(() => 1),
      () => db.begin(),
      () => db.acquire(),
      () => db.use(() => 1),
      () => db.warmUp(),
      async () => db.ready(),
      () => db.nextProbe(),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'PGHERD_CLOSED' });
    }
  });

  it('a cluster that was never used closes too', async () => {
    const db = open(cluster, { applicationName: 'unused' });
    await db.close();
    expect(await rejection(db.query('select 1'))).toMatchObject({ code: 'PGHERD_CLOSED' });
    expect(await sessionsOf('unused')).toBe(0);
  });

  it('calls that wait for a connection or a node are told PGHERD_CLOSED', async () => {
    const db = open(cluster, { pool: { max: 1 } });
    const lease = await db.acquire();
    const forConnection = rejection(db.query('select 1'));
    await waitUntil(() => db.stats().total.waiting === 1);
    const closing = db.close();
    expect(await forConnection).toMatchObject({ code: 'PGHERD_CLOSED' });
    lease.release();
    await closing;
    const nowhere = createCluster({ url: 'postgres://app@127.0.0.1:9/app', ...PATIENT });
    const forNode = rejection(nowhere.query('select 1'));
    await nowhere.nextProbe();
    await nowhere.close();
    expect(await forNode).toMatchObject({ code: 'PGHERD_CLOSED' });
  });

  it('a close while connections are being opened leaves none behind', async () => {
    for (let round = 0; round < 5; round++) {
      const db = open(cluster, { applicationName: 'hasty' });
      const call = db.query('select 1').catch((error: unknown) => error);
      if (round > 0) await waitUntil(() => db.stats().total.opening > 0 || db.stats().total.opened > 0);
      await db.close();
      await call;
    }
    await gone('hasty');
  });

  it('await using closes it', async () => {
    {
      await using db = open(cluster, { applicationName: 'scoped' });
      await db.query('select 1');
      expect(await sessionsOf('scoped')).toBeGreaterThan(0);
    }
    await gone('scoped');
  });

  it('terminate ends everything at once, and twice does nothing more', async () => {
    const db = open(cluster, { applicationName: 'terminated' });
    const running = rejection(db.query('select pg_sleep(20)'));
    const reading = rejection(db.read.query('select pg_sleep(20)'));
    await waitUntil(() => db.stats().total.inFlight === 2);
    db.terminate();
    db.terminate();
    expect(await running).toMatchObject({ code: 'PGHERD_OUTCOME_UNKNOWN' });
    expect(await reading).toBeInstanceOf(Error);
    await db.close();
    expect(db.stats().total).toMatchObject({ size: 0, leased: 0, waiting: 0 });
    for (const node of cluster.nodes) {
      await node.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'terminated'",
      );
    }
  });

  it('twenty clusters, one after the other, leave no session on the servers', async () => {
    for (let round = 0; round < 20; round++) {
      const db = open(cluster, { applicationName: 'cycle' });
      await Promise.all([
        db.query('select 1'),
        db.read.query('select 1'),
        db.transaction((tx) => tx.query('select 1')),
      ]);
      await db.close();
    }
    await gone('cycle');
  });
});

/** Runs a program that uses pgherd in a process of its own, until it ends by itself. */
const child = (body: string): Promise<Ended> => new Program(cluster.url, body).ended;

describe('a process', () => {
  it('ends by itself although it forgot to close', async () => {
    const ended = await child(`
      // What kept the process alive would do so until the limit of this test.
      const db = createCluster({ url, env: {}, pool: { min: 2, idleTimeoutMs: 3_600_000 } });
      await db.ready({ primaries: 1, standbys: 1 });
      console.log((await db.query('select 1 as n')).rows[0].n, (await db.read.query('select 2 as n')).rows[0].n);`);
    expect(ended).toMatchObject({ code: 0, output: '1 2' });
  });

  it('stays while somebody waits for an answer', async () => {
    const ended = await child(`
      const db = createCluster({ url, env: {} });
      await db.query('select pg_sleep(1)');
      const lease = await db.acquire();
      await lease.query('select pg_sleep(0.5)');
      lease.release();
      await db.nextProbe();
      console.log('answered');`);
    expect(ended).toMatchObject({ code: 0, output: 'answered' });
  });

  it('does not end before a call with all servers down has got its error', async () => {
    const ended = await child(`
      const db = createCluster({ url: 'postgres://app@127.0.0.1:9,127.0.0.1:10/app', env: {}, waitTimeoutMs: 500 });
      await db.query('select 1').catch((error) => console.log(error.code));`);
    expect(ended).toMatchObject({ code: 0, output: 'PGHERD_NO_SUITABLE_NODE' });
  });

  it('has no handle left after close', async () => {
    const ended = await child(`
      const handles = () => process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FS|Immediate)/.test(name));
      const before = handles();
      // What the loader of the sources had open at the beginning may be gone meanwhile.
      const more = () => before.reduce((left, name) => left.includes(name) ? left.toSpliced(left.indexOf(name), 1) : left, handles());
      const db = createCluster({ url, env: {}, pool: { min: 2 } });
      await Promise.all(Array.from({ length: 20 }, () => db.query('select 1')));
      await db.read.query('select 1');
      await db.query('select pg_sleep(1)', [], { timeoutMs: 50 }).catch(() => undefined);
      await db.close();
      const until = Date.now() + 60_000;
      while (more().length > 0 && Date.now() < until) await new Promise(setImmediate);
      console.log(more().length === 0 ? 'nothing' : before + ' -> ' + handles());`);
    expect(ended).toMatchObject({ code: 0, output: 'nothing' });
  });
});
