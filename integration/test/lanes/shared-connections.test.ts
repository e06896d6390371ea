import { waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { fates, learnSleep, ONE_LANE, SLEEP, times } from '../../src/lanes.ts';
import { oneClient } from '../../src/one-client.ts';
import { open, rejection } from '../../src/support.ts';

const setUp = oneClient(
  [
    'account (id int primary key, amount int not null default 0)',
    'entry (n int, note text)',
    'parent (id int primary key)',
  ],
  { cluster: { proxy: true } },
);

/** Until a session of the client waits for a lock. */
async function aSessionWaitsForALock(): Promise<number> {
  const question = "select pid from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock'";
  await waitUntil(async () => (await setUp.cluster.primary.sql(question)).length > 0, {
    what: 'a session to wait for a lock',
  });
  return Number((await setUp.cluster.primary.sql(question))[0]?.['pid']);
}

async function countOf(db: Cluster, table: string): Promise<number> {
  return Number((await db.one(`select count(*)::int as n from ${table}`))['n']);
}

describe('admission', () => {
  it('short statements share one connection where each could have one of its own', async () => {
    await using db = open(setUp.cluster);
    const ask = () => db.one('select pg_backend_pid() as pid');
    const used = async () => new Set((await Promise.all(times(10, ask))).map((row) => row['pid'])).size;
    // How long a statement takes has to be learnt first.
    await waitUntil(async () => (await used()) <= 3, { what: 'ten statements to use three connections' });
  });

  it('with lanes: false each statement that runs has a connection of its own', async () => {
    await using db = open(setUp.cluster, { lanes: false, pool: { max: 3, validate: 'never' } });
    // All three are open before: else the first may be done before the last has a connection.
    const leases = await Promise.all(times(3, () => db.acquire()));
    for (const lease of leases) lease.release();
    const ask = () => db.one('select pg_backend_pid() as pid, pg_sleep(0.05)');
    expect(new Set((await Promise.all(times(3, ask))).map((row) => row['pid'])).size).toBe(3);
  });

  it('quick statements do not stand behind one that is known to be slow', async () => {
    await using db = open(setUp.cluster, { pool: { max: 2 } });
    await learnSleep(db);
    const slow = new AbortController();
    const running = fates([db.query(SLEEP, [600], { signal: slow.signal })]);
    // Behind it they would wait for ten minutes.
    await Promise.all(times(50, (n) => db.query('select $1::int as n', [n])));
    slow.abort();
    expect(await running).not.toEqual(['ok']);
  });

  it('leases and transactions get a connection under a load that never ends', async () => {
    await using db = open(setUp.cluster, { pool: { max: 2 } });
    let over = false;
    const load = times(40, async () => {
      while (!over) await db.query('select 1');
    });
    for (const n of times(10, (index) => index)) {
      const pid = await db.transaction(async (tx) => (await tx.one('select pg_backend_pid() as pid'))['pid']);
      expect(pid).toBeTypeOf('number');
      await db.use(async (lease) => expect(await lease.one('select $1::int as n', [n])).toEqual({ n }));
    }
    over = true;
    await Promise.all(load);
  });

  it('more statements than connections and lanes have room for wait their turn, and maxWaiting limits them', async () => {
    await using db = open(setUp.cluster, {
      pool: { max: 1, maxWaiting: 5 },
      lanes: { maxDepth: 2 },
    });
    await db.query('select 1');
    const all = await fates(times(20, () => db.query('select pg_sleep(0.05)')));
    expect(all.filter((fate) => fate === 'PGHERD_POOL_FULL').length).toBeGreaterThan(0);
    expect(all.filter((fate) => fate === 'ok').length).toBeGreaterThanOrEqual(6);
    expect(new Set(all)).toEqual(new Set(['ok', 'PGHERD_POOL_FULL']));
  });

  it('a context that holds a transaction never queues behind a lane: no deadlock that the server cannot see', async () => {
    await using db = open(setUp.cluster, { ...ONE_LANE, pool: { max: 3 } });
    await db.query('insert into account values (1), (2) on conflict do nothing');
    const blocked: Promise<unknown>[] = [];
    await db.transaction(async (tx) => {
      await tx.query('update account set amount = 1 where id = 1');
      blocked.push(...times(10, () => db.current().query('select 1')));
      const outside = open(setUp.cluster, ONE_LANE);
      blocked.push(
        outside.query('update account set amount = amount + 1 where id = 1').finally(() => outside.close()),
      );
      await aSessionWaitsForALock();
      expect(await db.one('select amount from account where id = 2')).toEqual({ amount: 0 });
    });
    await Promise.all(blocked);
    expect(await db.one('select amount from account where id = 1')).toEqual({ amount: 2 });
  });
});

describe('answers', () => {
  it('a constraint that is checked at the commit fails its statement, and no other', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    await db.query(
      'create table if not exists child (p int references parent deferrable initially deferred)',
    );
    const calls = times(9, (n) =>
      n === 4
        ? db.query('insert into child values (-1)')
        : db.query('insert into entry values ($1, $2)', [n, 'deferred']),
    );
    expect(await fates(calls)).toEqual(times(9, (n) => (n === 4 ? '23503' : 'ok')));
    expect(await countOf(db, "entry where note = 'deferred'")).toBe(8);
    expect(await countOf(db, 'child')).toBe(0);
  });

  it('an error is told to its own caller, and each row to its own', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    const calls = times(60, (n) => db.one('select 12 / $1::int as n', [n % 3]));
    const settled = await Promise.allSettled(calls);
    for (const [n, one] of settled.entries()) {
      if (n % 3 === 0) expect(one).toMatchObject({ reason: { code: '22012' } });
      else expect(one).toEqual({ status: 'fulfilled', value: { n: 12 / (n % 3) } });
    }
  });

  it('give what a connection of its own gives, for values and columns of every kind', async () => {
    const { db } = setUp;
    const text = `select $1::int as a, $2::text as b, $3::jsonb as c, $4::bytea as d, $5::timestamptz as e, $6::int[] as f,
      $7::text as g, 1.5::numeric as h, 9007199254740993::int8 as i, true as j, '{a,"b c"}'::text[] as k, null as "__proto__",
      'ü€😀' as "ü", 2 as "1", repeat('x', 100000) as long, $8::bool as l`;
    const values = [
      7,
      'it\'s "quoted" \\ ünï😀',
      { deep: [1, { a: null }] },
      Buffer.from([0, 1, 255]),
      new Date(0),
      [1, 2, 3],
      undefined,
      false,
    ];
    for (const rowMode of ['object', 'array'] as const) {
      const shared = await db.query({ text, values, rowMode });
      const again = await db.query({ text, values, rowMode });
      const own = await db.use((lease) => lease.query({ text, values, rowMode }));
      expect(shared.rows).toEqual(own.rows);
      expect(again.rows).toEqual(own.rows);
      expect(shared.rowCount).toBe(own.rowCount);
      expect(shared.command).toBe(own.command);
      expect(shared.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual(
        own.fields.map(({ name, dataTypeID }) => [name, dataTypeID]),
      );
    }
  });

  it('types of a statement turn its values into what they say, and what they throw ends that call alone', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    const types = { getTypeParser: () => (value: string) => `<${value}>` };
    const broken = {
      getTypeParser: () => () => {
        throw new Error('no such type');
      },
    };
    const [marked, failed, plain] = await Promise.all([
      db.one({ text: 'select 1 as n', types }),
      rejection(db.one({ text: 'select 1 as n', types: broken })),
      db.one('select 1 as n'),
    ]);
    expect(marked).toEqual({ n: '<1>' });
    expect(String(failed)).toContain('no such type');
    expect(plain).toEqual({ n: 1 });
  });

  it('large results and many come whole, with notices in between', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    await db.query(`create or replace function chatty(n int) returns int language plpgsql as
      $$ begin raise notice 'here %', n; return n; end $$`);
    const calls = times(30, (n) =>
      n % 3 === 0
        ? db.rows('select i, repeat(i::text, 50) as t from generate_series(1, 3000) i')
        : db.rows('select chatty($1) as i', [n]),
    );
    for (const [n, rows] of (await Promise.all(calls)).entries()) {
      if (n % 3 !== 0) expect(rows).toEqual([{ i: n }]);
      else {
        expect(rows).toHaveLength(3_000);
        expect(rows[2_999]).toEqual({ i: 3_000, t: '3000'.repeat(50) });
      }
    }
  });

  it('a value that cannot be sent fails its own call at once', async () => {
    await using db = open(setUp.cluster, ONE_LANE);
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const calls = times(5, (n) => db.query('select $1::json', [n === 2 ? circular : { n }]));
    expect(await fates(calls)).toEqual(['ok', 'ok', 'PGHERD_INVALID_ARGUMENT', 'ok', 'ok']);
  });
});

describe('what is kept off lanes', () => {
  it('set_config on one connection is not seen by the neighbours', async () => {
    await using db = open(setUp.cluster, { pool: { max: 2 } });
    const calls = times(40, (n) =>
      n % 8 === 0
        ? db.one("select set_config('app.who', 'me', false) as who")
        : db.one("select current_setting('app.who', true) as who"),
    );
    for (const [n, row] of (await Promise.all(calls)).entries()) {
      if (n % 8 === 0) expect(row['who']).toBe('me');
      else expect(row['who'] ?? '').toBe('');
    }
  });

  it.each([
    ['begin', 'transaction'],
    ['  START TRANSACTION', 'transaction'],
    ['/* x /* y */ */ commit', 'transaction'],
    ['-- a word\nrollback', 'transaction'],
    ['savepoint a', 'transaction'],
    ['listen channel', 'listen'],
    ['declare c cursor for select 1', 'stream'],
    ['prepare p as select 1', 'acquire'],
    ['copy entry from stdin', 'copyFrom'],
    ['copy entry to stdout', 'copyTo'],
  ])('%s is refused, and the verb for it named', async (text, verb) => {
    expect(await rejection(setUp.db.query(text))).toMatchObject({
      code: 'PGHERD_STATEMENT_NOT_ALLOWED',
      details: { verb },
    });
  });

  it('several statements in one text are refused, and script named', async () => {
    const error = await rejection(setUp.db.query('insert into entry values (1); select 2'));
    expect(error).toMatchObject({ code: 'PGHERD_STATEMENT_NOT_ALLOWED', details: { verb: 'script' } });
    expect(String(error)).toContain('db.script');
    expect(await rejection(setUp.db.query('selec 1'))).toMatchObject({ code: '42601' });
  });

  it('a write through db.read that falls back to the primary fails and does nothing, on a lane as well', async () => {
    await using db = open(setUp.cluster);
    const before = await countOf(db, 'entry');
    const calls = times(10, (n) =>
      n === 5 ? db.read.query("insert into entry values (0, 'mistaken')") : db.read.query('select 1'),
    );
    expect(await fates(calls)).toEqual(times(10, (n) => (n === 5 ? '25006' : 'ok')));
    expect(await countOf(db, 'entry')).toBe(before);
  });
});
