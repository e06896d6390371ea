import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { wireDriver } from 'pgherd/connection';
import { describe, expect, it } from 'vitest';
import { fates, ONE_LANE, times } from '../../src/lanes.ts';
import { oneClient } from '../../src/one-client.ts';
import { codeOf, open, rejection } from '../../src/support.ts';

const setUp = oneClient(['gate (id int primary key, n int)', 'entry (n int, note text)', 'shape (id int)'], {
  cluster: { proxy: true },
});

const insert = (db: Cluster, note: string) => (n: number) =>
  db.query('insert into entry values ($1, $2)', [n, note]);

/** Numbers of the entries with this note, as they are stored. */
async function stored(note: string): Promise<number[]> {
  return setUp.db
    .rows<{ n: number }>('select n from entry where note = $1 order by n', [note])
    .then((rows) => rows.map(({ n }) => n));
}

/**
 * Runs `fn` while statements of `db` stand behind one that waits for a row lock on the only lane: `behind` are their calls, the
 * blocked one first, and `pid` is the server's process. Afterwards the lock is released.
 */
async function behindALock(
  db: Cluster,
  behind: () => readonly Promise<unknown>[],
  fn: (pid: number) => Promise<void>,
): Promise<unknown[]> {
  await setUp.db.query('insert into gate values (1, 0) on conflict do nothing');
  const question = "select pid from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock'";
  let calls: readonly Promise<unknown>[] = [];
  await using holder = open(setUp.cluster, { url: setUp.cluster.primary.directUrl });
  await holder.transaction(async (tx) => {
    await tx.query('update gate set n = n + 1 where id = 1');
    calls = [db.query('update gate set n = n + 1 where id = 1'), ...behind()];
    for (const call of calls) call.catch(() => undefined);
    await waitUntil(async () => (await setUp.cluster.primary.sql(question)).length > 0, {
      what: 'the first of the lane to wait for the lock',
    });
    const [row] = await setUp.cluster.primary.sql(question);
    await fn(Number(row?.['pid']));
  });
  return fates(calls);
}

describe('a connection that is lost', () => {
  it('behind a FATAL of the server nothing was executed: 200 writes are run again, each once', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    await db.query('select 1');
    const all = await behindALock(
      db,
      () => times(200, insert(db, 'fatal')),
      async (pid) => {
        await setUp.cluster.primary.sql('select pg_terminate_backend($1::int)', [pid]);
      },
    );
    expect(new Set(all)).toEqual(new Set(['ok']));
    expect(await stored('fatal')).toEqual(times(200, (n) => n));
  });

  it('a bare end leaves as many outcomes unknown as writes may be in flight, and the others run', async () => {
    await using db = open(setUp.cluster, { ...ONE_LANE, lanes: { ...ONE_LANE.lanes, maxWrites: 16 } });
    await db.query('select 1');
    const all = await behindALock(
      db,
      () => times(100, insert(db, 'cut')),
      async () => {
        setUp.cluster.primary.proxy.reset();
      },
    );
    const unknown = all.filter((fate) => fate === 'PGHERD_OUTCOME_UNKNOWN').length;
    expect(unknown).toBeGreaterThan(0);
    expect(unknown).toBeLessThanOrEqual(16);
    expect(all.filter((fate) => fate === 'ok').length).toBe(101 - unknown);
    const done = await stored('cut');
    expect(new Set(done).size).toBe(done.length);
    for (const [place, fate] of all.slice(1).entries()) if (fate === 'ok') expect(done).toContain(place);
  });

  it('reads in flight are run again on another connection', async () => {
    await using db = open(setUp.cluster, { ...ONE_LANE, target: 'any' });
    await db.query('select 1');
    const slow = db.query('select pg_sleep(0.5)');
    const behind = times(50, (n) => db.one('select $1::int as n', [n]));
    const atWork =
      "select 1 from pg_stat_activity where usename = 'app' and query like '%pg_sleep%' and state = 'active'";
    await waitUntil(async () => (await setUp.cluster.primary.sql(atWork)).length > 0, {
      what: 'the sleeper to sleep',
    });
    setUp.cluster.primary.proxy.reset();
    await slow;
    expect(await Promise.all(behind)).toEqual(times(50, (n) => ({ n })));
  });

  it('a statement that leaves a transaction open costs the connection, and is told so', async () => {
    const url = new URL(setUp.cluster.primary.url);
    const ended: unknown[] = [];
    const connection = await wireDriver().connect(
      {
        address: { transport: 'tcp', host: url.hostname, port: Number(url.port) },
        user: 'app',
        database: 'app',
        tls: { mode: 'disable', verify: 'none', sni: false, negotiation: 'postgres', certMode: 'disable' },
        startup: {},
        keepAliveMs: undefined,
      },
      { parameter: () => undefined, message: () => undefined, closed: (error) => ended.push(error) },
      new AbortController().signal,
    );
    const send = (text: string) =>
      new Promise((resolve, reject) => {
        connection.pipeline?.({ statement: { text }, prepare: false, answered: resolve, failed: reject });
      });
    const calls = [send('select 1'), send('begin'), send("insert into entry values (1, 'swallowed')")];
    const [first, opener, swallowed] = await fates(calls);
    expect([first, opener]).toEqual(['ok', 'PGHERD_STATEMENT_NOT_ALLOWED']);
    expect(swallowed).not.toBe('ok');
    await waitUntil(() => ended.length === 1, { what: 'the connection to end' });
    expect(await stored('swallowed')).toEqual([]);
  });
});

describe('limits of a call', () => {
  it('timeoutMs and signal end their own call; the neighbours and the connection go on', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    const pid = async () => (await db.one('select pg_backend_pid() as pid'))['pid'];
    const before = await pid();
    const controller = new AbortController();
    const calls = [
      db.query('select pg_sleep(0.4)'),
      db.query('select 1', [], { timeoutMs: 50, idempotent: true }),
      db.query('select 2', [], { signal: controller.signal, idempotent: true }),
      ...times(20, insert(db, 'limits')),
    ];
    controller.abort();
    expect(await fates(calls)).toEqual(['ok', 'PGHERD_TIMEOUT', 'PGHERD_ABORTED', ...times(20, () => 'ok')]);
    expect(await stored('limits')).toEqual(times(20, (n) => n));
    expect(await pid()).toBe(before);
  });

  it('a call that gave up, alone on its connection, does not keep it', async () => {
    await using db = open(setUp.cluster, { pool: { max: 1 }, target: 'any' });
    expect(codeOf(await rejection(db.query('select pg_sleep(20)', [], { timeoutMs: 50 })))).toBe(
      'PGHERD_TIMEOUT',
    );
    expect(await db.one('select 1 as n')).toEqual({ n: 1 });
  });
});

describe('prepared statements', () => {
  const names = (db: Cluster) =>
    db
      .use((lease) => lease.rows<{ name: string }>('select name from pg_prepared_statements'))
      .then((rows) => rows.map(({ name }) => name));

  it('what comes again has a name of at most 63 bytes, what comes once has none', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    await db.query('select 1 as once');
    for (const n of times(3, (index) => index)) await db.query('select $1::int as again', [n]);
    const found = await names(db);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^pgherd_[0-9a-z_]{1,56}$/);
  });

  it('with prepare: false nothing has a name', async () => {
    await using db = open(setUp.cluster, { ...ONE_LANE, prepare: false });
    for (const n of times(5, (index) => index)) await db.query('select $1::int as again', [n]);
    await db.query({ name: 'given', text: 'select 7 as given' });
    expect(await names(db)).toEqual(['given']);
  });

  it('as many are kept as there is room for, and those in use stay', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    for (const n of times(300, (index) => index)) {
      await db.query(`select ${n} as n`);
      await db.query(`select ${n} as n`);
      expect(await db.one('select $1::int as often', [n])).toEqual({ often: n });
    }
    expect((await names(db)).length).toBeLessThanOrEqual(250);
    expect(await db.one('select 0 as n')).toEqual({ n: 0 });
  });

  it('those in flight with a statement that cannot be parsed fail for the same reason', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    for (const _ of times(2, () => 0)) {
      const calls = times(5, (n) => db.query('select * from nowhere where id = $1', [n]));
      expect(await fates(calls)).toEqual(times(5, () => '42P01'));
    }
    await setUp.cluster.primary.sql('select 1');
    await db.query('create table nowhere (id int)');
    expect(await fates(times(5, (n) => db.query('select * from nowhere where id = $1', [n])))).toEqual(
      times(5, () => 'ok'),
    );
  });

  it('a table that changes its shape is seen as it is', async () => {
    await using db = open(setUp.cluster, { ...ONE_LANE, pool: { max: 2 } });
    await db.query('insert into shape values (1)');
    const read = () => db.one('select * from shape');
    await Promise.all(times(10, read));
    await db.query('alter table shape add column extra text default $$new$$');
    expect(await Promise.all(times(10, read))).toEqual(times(10, () => ({ id: 1, extra: 'new' })));
    await db.query('alter table shape drop column extra, alter column id type text');
    expect(await Promise.all(times(10, read))).toEqual(times(10, () => ({ id: '1' })));
  });

  it('a name that the server has forgotten is given anew, and the statement runs once', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    await db.query(`create or replace function forget() returns void language plpgsql as
      $$ begin execute 'deallocate all'; end $$`);
    for (const n of times(3, (index) => index)) await insert(db, 'forgotten')(n);
    await db.query('select forget()');
    await Promise.all(times(10, (n) => insert(db, 'forgotten')(n + 3)));
    expect(await stored('forgotten')).toEqual(times(13, (n) => n));
  });
});
