import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { waitUntil } from '@pgherd/testing';
import { type Cluster, createCluster } from 'pgherd';
import { postgresJsDriver } from 'pgherd/postgres-js';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { oneClient } from '../../src/one-client.ts';
import { codeOf, PATIENT, rejection } from '../../src/support.ts';

const driver = postgresJsDriver();
const client = oneClient(['item (id int primary key, amount int not null default 0)'], {
  client: { driver },
});

/** A cluster object of its own over the same server, closed at the end of its scope. */
function ownCluster(options: Parameters<typeof postgresJsDriver>[0]): Cluster<postgres.Sql> {
  return createCluster({ url: client.cluster.url, driver: postgresJsDriver(options), ...PATIENT });
}

describe('verbs over postgres.js', () => {
  it('single statements, alone and many at once', async () => {
    const { db } = client;
    expect(await db.query('select 1 as one, $1::text as word', ['hay'])).toMatchObject({
      rows: [{ one: 1, word: 'hay' }],
      rowCount: 1,
      command: 'SELECT',
    });
    const numbers = Array.from({ length: 500 }, (_, n) => n);
    const rows = await Promise.all(numbers.map((n) => db.one('select $1::int as n', [n])));
    expect(rows).toEqual(numbers.map((n) => ({ n })));
  });

  it('transactions, with savepoints, errors and their end', async () => {
    const { db } = client;
    await db.transaction(async (tx) => {
      await tx.query('insert into item values ($1)', [1]);
      const inner = tx.transaction(async (nested) => {
        await nested.query('insert into item values (2)');
        await nested.query('insert into item values (1)');
      });
      expect(await rejection(inner)).toMatchObject({ code: '23505' });
      await tx.query('insert into item values (3)');
    });
    expect(await db.rows('select id from item order by id')).toEqual([{ id: 1 }, { id: 3 }]);
    const thrown = new Error('of the callback');
    const failing = db.transaction(async (tx) => {
      await tx.query('delete from item');
      throw thrown;
    });
    expect(await rejection(failing)).toBe(thrown);
    expect(await db.one('select count(*)::int as n from item')).toEqual({ n: 2 });
  });

  it('a deadline cancels what runs, and the connection is used again', async () => {
    await using db = createCluster({ url: client.cluster.url, driver, ...PATIENT, pool: { max: 1 } });
    const before = await db.one('select pg_backend_pid() as pid');
    const slow = db.transaction((tx) => tx.query('select pg_sleep(30)', [], { timeoutMs: 100 }));
    expect(await rejection(slow)).toMatchObject({ code: 'PGHERD_TIMEOUT' });
    const text = "select 1 from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'";
    await waitUntil(async () => (await client.cluster.primary.sql(text)).length === 0);
    expect(await db.one('select pg_backend_pid() as pid')).toEqual(before);
  });

  it('listens', async () => {
    const { db } = client;
    const heard: string[] = [];
    const subscription = await db.listen('news', (payload) => {
      heard.push(payload);
    });
    await db.query("select pg_notify('news', 'first')");
    await waitUntil(() => heard.length > 0);
    expect(heard).toEqual(['first']);
    await subscription.unlisten();
  });

  it.each([
    ['batch', (db: Cluster) => db.batch([{ text: 'select 1' }])],
    ['stream', (db: Cluster) => db.stream('select 1')[Symbol.asyncIterator]().next()],
    ['copyFrom', (db: Cluster) => db.copyFrom('copy item from stdin', [])],
    ['copyTo', (db: Cluster) => db.copyTo('copy item to stdout')[Symbol.asyncIterator]().next()],
  ])('%s is refused with the name of the driver and what to do', async (_verb, call) => {
    const error = await rejection(Promise.resolve(call(client.db)));
    expect(error).toMatchObject({ code: 'PGHERD_UNSUPPORTED' });
    expect(String(error)).toMatch(/postgres\.js.*or (use )?the driver pg/);
  });

  it('types of the application count', async () => {
    const parse = (text: string) => BigInt(text);
    const serialize = (value: bigint) => String(value);
    await using db = ownCluster({ types: { bigint: { to: 20, from: [20], parse, serialize } } });
    expect(await db.one('select 9223372036854775807 as n')).toEqual({ n: 9_223_372_036_854_775_807n });
    const unreadable = () => {
      throw new Error('unreadable');
    };
    await using failing = ownCluster({
      types: { odd: { to: 20, from: [20], parse: unreadable, serialize } },
    });
    const error = await rejection(failing.query('select n::bigint from generate_series(1, 3) n'));
    expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT', cause: { message: 'unreadable' } });
    const text = 'select 1 / (3 - n)::bigint as n from generate_series(1, 5) n';
    expect(await rejection(failing.query(text))).toMatchObject({ code: '22012' });
    expect(await failing.one('select 1 as n')).toEqual({ n: 1 });
  });

  it('rows of a statement that failed leave no gap in the next result', async () => {
    await using db = ownCluster({});
    await db.use(async (lease) => {
      const failing = lease.query('select 1 / (3 - n) as n from generate_series(1, 5) n');
      expect(await rejection(failing)).toMatchObject({ code: '22012' });
      expect(await lease.rows('select 7 as n')).toEqual([{ n: 7 }]);
      expect(await lease.rows('select 8 as n')).toEqual([{ n: 8 }]);
    });
  });

  it('takes a module, and leaves statements unprepared where that is asked for', async () => {
    await using db = ownCluster({ postgres, prepare: false });
    await db.use(async (lease) => {
      for (const n of [1, 2, 3]) {
        expect(await lease.one({ text: 'select $1::int as n', name: 'n', values: [n] })).toEqual({ n });
        expect(await lease.client`select ${n}::int as n`).toMatchObject([{ n }]);
      }
      const prepared = await lease.one('select count(*)::int as n from pg_prepared_statements');
      expect(prepared).toEqual({ n: 0 });
    });
  });
});

describe('the client of a lease over postgres.js', () => {
  it('is postgres.js itself: tags, helpers, arrays, transactions, cursors', async () => {
    await using db = ownCluster({});
    await db.use(async ({ client: sql }) => {
      expect([...(await sql`select ${7}::int as n, ${'x'} as t`)]).toEqual([{ n: 7, t: 'x' }]);
      await sql`create temporary table mine (id int, tags text[])`;
      await sql`insert into mine ${sql([{ id: 1, tags: ['a', 'b'] }], 'id', 'tags')}`;
      expect([...(await sql`select * from mine where id = any(${[1, 2]})`)]).toEqual([
        { id: 1, tags: ['a', 'b'] },
      ]);
      await sql.begin(async (tx) => {
        await tx`insert into mine values (2, ${tx.array(['c'])})`;
        await tx.savepoint((inner) => inner`delete from mine where id = 1`);
      });
      expect([...(await sql`select id from mine`)]).toEqual([{ id: 2 }]);
      const parts: number[] = [];
      for await (const rows of sql`select n from generate_series(1, 25) n`.cursor(10))
        parts.push(rows.length);
      expect(parts).toEqual([10, 10, 5]);
    });
  });

  it('streams COPY both ways', async () => {
    await using db = ownCluster({});
    await db.use(async ({ client: sql }) => {
      await sql`create temporary table copied (id int)`;
      const into = await sql`copy copied from stdin`.writable();
      into.write('1\n2\n');
      into.end();
      await once(into, 'finish');
      const out = await sql`copy copied to stdout`.readable();
      expect(await textOf(out)).toBe('1\n2\n');
      await pipeline(['3\n'], await sql`copy copied from stdin`.writable());
      expect([...(await sql`select count(*)::int as n from copied`)]).toEqual([{ n: 3 }]);
    });
  });

  it('cancels its own statements', async () => {
    await using db = ownCluster({});
    await db.use(async ({ client: sql }) => {
      const slow = sql`select pg_sleep(30) as cancelled_by_tag`;
      const end = rejection(slow);
      const text = "select 1 from pg_stat_activity where query like '%cancelled_by_tag' and state = 'active'";
      await waitUntil(async () => (await client.cluster.primary.sql(text)).length > 0);
      slow.cancel();
      expect(await end).toMatchObject({ code: '57014' });
      expect([...(await sql`select 1 as n`)]).toEqual([{ n: 1 }]);
    });
  });

  it('what it changed in the session does not reach the next holder', async () => {
    await using db = createCluster({ url: client.cluster.url, driver, ...PATIENT, pool: { max: 1 } });
    await db.use(async ({ client: sql }) => {
      await sql`set work_mem = '5MB'`;
    });
    expect(await db.one("select current_setting('work_mem') <> '5MB' as reset")).toEqual({ reset: true });
  });

  it('opens no second connection, neither to listen nor to live on', async () => {
    await using db = ownCluster({});
    await using lease = await db.acquire();
    const { client: sql } = lease;
    expect(await rejection(sql.listen('news', () => undefined))).toMatchObject({
      code: 'PGHERD_UNSUPPORTED',
    });
    const pid = await lease.one<{ pid: number }>('select pg_backend_pid() as pid');
    await client.cluster.primary.sql('select pg_terminate_backend($1)', [pid.pid]);
    await waitUntil(async () => String(await rejection(lease.query('select 1'))).includes('lost before'));
    // The first may still meet the end itself.
    expect(['57P01', 'PGHERD_CONNECTION_LOST']).toContain(codeOf(await rejection(sql`select 1`)));
    for (let round = 0; round < 3; round++) {
      expect(await rejection(sql`select 1`)).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    }
  });

  it('shows no password, whoever prints it', async () => {
    await using db = ownCluster({});
    await db.use(async ({ client: sql }) => {
      const { inspect } = await import('node:util');
      expect(inspect(sql, { depth: 9, showHidden: true })).not.toMatch(/pass(word)?: '[^']/);
      expect(typeof sql.options.pass).toBe('function');
    });
  });

  it('does not go by the environment of libpq', async () => {
    process.env['PGTARGETSESSIONATTRS'] = 'standby';
    try {
      await using db = ownCluster({});
      expect(await db.one('select 1 as n')).toEqual({ n: 1 });
    } finally {
      delete process.env['PGTARGETSESSIONATTRS'];
    }
  });
});
