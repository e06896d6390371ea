import { waitUntil } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { allCaughtUp, nameOf, open, quiet, rejection } from '../../src/support.ts';

const setUp = itemClient();

describe('limits of time', () => {
  it('a call that finds no node in waitTimeoutMs is told what each node is', async () => {
    const [one, two] = setUp.cluster.standbys;
    const url = `postgresql://app@${nameOf(one)},${nameOf(two)}/app`;
    await using own = createCluster({ url, waitTimeoutMs: 150, env: {} });
    await own.ready({ standbys: 2, timeoutMs: 60_000 });
    const error = await rejection(own.query('select 1'));
    expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE', details: { target: 'read-write' } });
    for (const node of [one, two]) expect(String(error)).toContain(`${nameOf(node)}: its role is standby`);
  });

  it('a call that finds no free connection is told so', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1, maxWaiting: 1 }, waitTimeoutMs: 100 });
    await own.ready({ timeoutMs: 60_000 });
    // Also a busy machine opens a connection within the second try.
    const lease = await waitUntil(() => own.acquire());
    const waiting = rejection(own.query('select 1'));
    await waitUntil(() => own.stats().total.waiting === 1);
    expect(await rejection(own.query('select 1'))).toMatchObject({ code: 'PGHERD_POOL_FULL' });
    expect(await waiting).toMatchObject({ code: 'PGHERD_WAIT_TIMEOUT' });
    expect(own.stats().total.waiting).toBe(0);
    lease.release();
  });

  it('a node that refuses our connections is named with its reason', async () => {
    await using own = open(setUp.cluster, { waitTimeoutMs: 400 });
    await own.ready({ standbys: 2, timeoutMs: 60_000 });
    // From now on the monitor keeps the connection that a first call would have got.
    await own.nextProbe();
    await setUp.cluster.primary.sql('alter role app connection limit 0');
    try {
      const error = await rejection(own.query('select 1'));
      expect(error).toMatchObject({ code: 'PGHERD_NO_SUITABLE_NODE' });
      expect(String(error)).toContain(setUp.primaryName());
      expect(String(error)).toContain('too many connections');
    } finally {
      await setUp.cluster.primary.sql('alter role app connection limit -1');
      await allCaughtUp(setUp.cluster);
    }
  });

  it('a signal that is aborted already sends nothing', async () => {
    const signal = AbortSignal.abort(new Error('never mind'));
    const error = await rejection(setUp.db.query('insert into item values (907)', [], { signal }));
    expect(error).toMatchObject({ code: 'PGHERD_ABORTED', cause: { message: 'never mind' } });
    expect(await setUp.amountOf(907)).toBeUndefined();
  });

  it('timeoutMs and signal end a call that waits for a connection', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    await using _lease = await own.acquire();
    expect(await rejection(own.query('select 1', [], { timeoutMs: 50 }))).toMatchObject({
      code: 'PGHERD_TIMEOUT',
      message: expect.stringContaining('nothing was sent'),
      cause: { code: 'PGHERD_WAIT_TIMEOUT' },
    });
    const controller = new AbortController();
    const waiting = rejection(own.query('select 1', [], { signal: controller.signal }));
    await waitUntil(() => own.stats().total.waiting === 1);
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'PGHERD_ABORTED' });
    expect(own.stats().total).toMatchObject({ waiting: 0, leased: 1 });
  });

  it('timeoutMs ends a read that runs with PGHERD_TIMEOUT, and the pool goes on', async () => {
    await using own = open(setUp.cluster, { pool: { max: 1 } });
    await own.ready({ standbys: 2 });
    const error = await rejection(own.read.query('select pg_sleep(5)', [], { timeoutMs: 500 }));
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const controller = new AbortController();
    const running = rejection(own.read.query('select pg_sleep(5)', [], { signal: controller.signal }));
    await waitUntil(() => own.stats().total.inFlight === 1);
    controller.abort();
    expect(await running).toMatchObject({ code: 'PGHERD_ABORTED' });
    await quiet(own);
    expect(await own.read.one('select 1 as n')).toEqual({ n: 1 });
  });

  it('timeoutMs ends a write that runs with PGHERD_TIMEOUT, once the server has confirmed that it cancelled it', async () => {
    const error = await rejection(setUp.db.query('select pg_sleep(60)', [], { timeoutMs: 400 }));
    expect(error).toMatchObject({ code: 'PGHERD_TIMEOUT', details: { cancelled: true } });
    await quiet(setUp.db);
  });

  it('timeoutMs of a transaction covers its function, its statements and its wait', async () => {
    const never = setUp.db.transaction(() => new Promise(() => undefined), { timeoutMs: 400 });
    expect(await rejection(never)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const slow = setUp.db.transaction((tx) => tx.query('select pg_sleep(5)'), { timeoutMs: 400 });
    expect(await rejection(slow)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const controller = new AbortController();
    const aborted = setUp.db.transaction(
      async () => {
        controller.abort(new Error('stop'));
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    expect(await rejection(aborted)).toMatchObject({ code: 'PGHERD_ABORTED' });
    await quiet(setUp.db);
  });
});
