import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer, text as textOf } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import { type Cluster, createCluster } from 'pgherd';
import { herdStream } from 'pgherd/pg';
import { herdOptions } from 'pgherd/postgres-js';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GUESTS, type GuestClient, guestCount } from '../../src/guests.ts';
import { codeOf, nameOf, open, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  // What only pgherd knows: the password, and how the server is trusted.
  cluster = await createTestCluster({ standbys: 1, auth: 'scram-sha-256', tls: true });
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 1 });
});
afterEach(() => waitUntil(() => guestCount(db) === 0, { what: 'no guest to be left' }));
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const WHO = `select pg_backend_pid() as pid, current_setting('application_name') as name, current_user as "user",
  pg_is_in_recovery() as standby, (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as ssl`;

describe.each(GUESTS)('%s as a guest', (_client, make) => {
  it('is logged in without a password or TLS of its own, under its own name', async () => {
    await using guest = make(db, { applicationName: 'a guest' });
    const [who] = await guest.run(WHO);
    expect(who).toMatchObject({ name: 'a guest', user: 'app', standby: false, ssl: true });
    expect(guestCount(db)).toBe(1);
    expect(db.stats().nodes.map(({ node, guests }) => [node, guests])).toContainEqual([
      nameOf(cluster.primary),
      1,
    ]);
  });

  it('reads on standbys, where a mistaken write fails', async () => {
    await using guest = make(db, { target: 'standby' });
    expect(await guest.run(WHO)).toMatchObject([{ standby: true }]);
    await using reads = make(db, { target: 'prefer-standby', fallback: 'primary' });
    expect(await rejection(reads.run('create table mistaken ()'))).toMatchObject({ code: '25006' });
  });

  it('many statements at once, with values, errors and transactions', async () => {
    await using guest = make(db);
    const numbers = Array.from({ length: 300 }, (_, n) => n);
    const found = await Promise.all(numbers.map((n) => guest.run('select $1::int as n', [n])));
    expect(found).toEqual(numbers.map((n) => [{ n }]));
    expect(await rejection(guest.run('select 1 / $1::int', [0]))).toMatchObject({ code: '22012' });
    const undone = guest.transaction(async (run) => {
      await run('create table undone ()');
      await run('select 1 / $1::int', [0]);
    });
    expect(await rejection(undone)).toMatchObject({ code: '22012' });
    expect(await guest.run("select to_regclass('undone') as it")).toEqual([{ it: null }]);
    await guest.transaction(async (run) => {
      expect(await run('select $1::text as word', ['hay'])).toEqual([{ word: 'hay' }]);
    });
  });

  it('rows larger than every buffer, both ways', async () => {
    await using guest = make(db);
    const long = 'x'.repeat(3_000_000);
    const [row] = await guest.run('select $1::text as word, length($1::text) as n', [long]);
    expect(row?.['n']).toBe(long.length);
    expect(row?.['word']).toBe(long);
    const rows = await guest.run(`select n, repeat('y', 1000) as filling from generate_series(1, 20000) n`);
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 20_000 }, (_, n) => n + 1));
  });
});

describe('what pg can do', () => {
  const client = () => new pg.Client({ stream: herdStream(db), ssl: false });

  it('knows its process, listens, hears notices', async () => {
    const one = client();
    await one.connect();
    const { rows } = await one.query('select pg_backend_pid() as pid');
    expect((one as unknown as { processID: number }).processID).toBe(rows[0].pid);
    await one.query('listen news');
    const heard = once(one, 'notification');
    await db.query("select pg_notify('news', 'hay')");
    expect(await heard).toMatchObject([{ channel: 'news', payload: 'hay' }]);
    await one.end();
  });

  it('cancels a statement on the server that runs it', async () => {
    const one = client();
    await one.connect();
    const query = new pg.Query('select pg_sleep(600)');
    const ended = new Promise<unknown>((resolve) => query.on('error', resolve));
    one.query(query);
    await running('select pg_sleep(600)');
    const canceller = client();
    (canceller as unknown as { cancel(...of: unknown[]): void }).cancel(one, query);
    expect(await ended).toMatchObject({ code: '57014' });
    await one.end();
  });

  it('reads by cursor, in parts', async () => {
    const one = client();
    await one.connect();
    const cursor = one.query(new Cursor('select n from generate_series(1, $1::int) n', [25]));
    const parts: number[] = [];
    for (let rows = await cursor.read(10); rows.length > 0; rows = await cursor.read(10))
      parts.push(rows.length);
    expect(parts).toEqual([10, 10, 5]);
    const left = one.query(new Cursor('select n from generate_series(1, 1000) n'));
    expect(await left.read(1)).toHaveLength(1);
    await left.close();
    expect((await one.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await one.end();
  });

  it('COPY both ways, with a sink that is slow', async () => {
    const one = client();
    await one.connect();
    await one.query('create temporary table copied (n int, filling text)');
    const lines = Array.from({ length: 50_000 }, (_, n) => `${n}\t${'z'.repeat(100)}\n`);
    await pipeline(Readable.from(lines), one.query(copyFrom('copy copied from stdin')));
    expect((await one.query('select count(*)::int as n from copied')).rows).toEqual([{ n: lines.length }]);
    const out = one.query(copyTo('copy (select * from copied order by n) to stdout'));
    await new Promise((resolve) => setImmediate(resolve));
    expect((await buffer(out)).toString()).toBe(lines.join(''));
    await one.end();
  });

  it('asks for encryption where ssl: false was forgotten, and is refused in words', async () => {
    const one = new pg.Client({ stream: herdStream(db), ssl: true });
    expect(String(await rejection(one.connect()))).toContain('does not support SSL');
  });
});

describe('what postgres.js can do', () => {
  const options = () => ({ ...herdOptions(db), max: 1 });

  it('listens', async () => {
    const sql = postgres(options());
    const heard: string[] = [];
    await sql.listen('olds', (payload) => heard.push(payload));
    await db.query("select pg_notify('olds', 'hay')");
    await waitUntil(() => heard.length > 0, { what: 'the notification' });
    expect(heard).toEqual(['hay']);
    await sql.end();
  });

  it('cancels a statement on the server that runs it', async () => {
    const sql = postgres(options());
    const slow = sql`select pg_sleep(601)`.execute();
    const ended = rejection(slow);
    await running('select pg_sleep(601)');
    slow.cancel();
    expect(await ended).toMatchObject({ code: '57014' });
    expect([...(await sql`select 1 as n`)]).toEqual([{ n: 1 }]);
    await sql.end();
  });

  it('reads by cursor, and COPY both ways', async () => {
    const sql = postgres(options());
    const parts: number[] = [];
    for await (const rows of sql`select n from generate_series(1, 25) n`.cursor(10)) parts.push(rows.length);
    expect(parts).toEqual([10, 10, 5]);
    await sql`create temporary table copied (n int, filling text)`;
    const lines = Array.from({ length: 20_000 }, (_, n) => `${n}\t${'z'.repeat(100)}\n`);
    await pipeline(Readable.from(lines), await sql`copy copied from stdin`.writable());
    expect([...(await sql`select count(*)::int as n from copied`)]).toEqual([{ n: lines.length }]);
    const out = await sql`copy (select * from copied order by n) to stdout`.readable();
    expect(await textOf(out)).toBe(lines.join(''));
    await sql.end();
  });

  it('files, savepoints, arrays, and idle connections that close by themselves', async () => {
    const sql = postgres({ ...options(), idle_timeout: 1 });
    await sql.begin(async (tx) => {
      await tx`create temporary table item (id int, tags text[])`;
      await tx`insert into item values (1, ${tx.array(['a', 'b'])})`;
      await tx
        .savepoint((inner) => inner`delete from item`.then(() => Promise.reject(new Error('back'))))
        .catch(() => undefined);
      expect([...(await tx`select * from item`)]).toEqual([{ id: 1, tags: ['a', 'b'] }]);
    });
    await waitUntil(() => guestCount(db) === 0, { what: 'the idle connection to close' });
    expect([...(await sql`select 1 as n`)]).toEqual([{ n: 1 }]);
    await sql.end();
  });
});

async function running(text: string): Promise<void> {
  const find = `select 1 from pg_stat_activity where query = $1 and state = 'active'`;
  await waitUntil(async () => (await cluster.primary.sql(find, [text])).length === 1, {
    what: `${text} to run`,
  });
}

describe('the end of the cluster', () => {
  it.each(GUESTS)('close() lets a statement of %s end, and ends what is idle', async (client, make) => {
    const own = open(cluster);
    const guest = make(own);
    await guest.run('select 1');
    const text = `select pg_sleep(0.3), 'slow' as it /* close ${client} */`;
    const slow = guest.run(text);
    await running(text);
    await own.close({ timeoutMs: 60_000 });
    expect(await slow).toMatchObject([{ it: 'slow' }]);
    expect(guestCount(own)).toBe(0);
    await refusedAsClosed(guest);
    await guest[Symbol.asyncDispose]();
  });

  it.each(GUESTS)('terminate() ends what %s runs', async (client, make) => {
    const own = open(cluster);
    const guest = make(own);
    const text = `select pg_sleep(600) /* terminate ${client} */`;
    const ended = rejection(guest.run(text));
    await running(text);
    own.terminate();
    expect(await ended).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    await refusedAsClosed(guest);
    await guest[Symbol.asyncDispose]();
  });

  it.each(GUESTS)('db.drain() replaces the connections of %s', async (_client, make) => {
    await using guest = make(db, { max: 1 });
    const pid = async () => (await guest.run('select pg_backend_pid() as pid'))[0]?.['pid'];
    const before = await pid();
    await db.drain();
    // In the turn in which it ends, a client may still write on a connection: then the statement fails, unsent.
    const after = await waitUntil(pid, { what: 'a new connection' });
    expect(after).not.toBe(before);
  });

  async function refusedAsClosed(guest: GuestClient): Promise<void> {
    const code = async () => codeOf(await rejection(guest.run('select 1')));
    await waitUntil(async () => (await code()) === 'PGHERD_CLOSED', { what: 'the cluster to be closed' });
  }
});

describe('arguments', () => {
  it('what createCluster has not made, and options that there are not, are refused', () => {
    const refused = expect.objectContaining({ code: 'PGHERD_INVALID_ARGUMENT' });
    expect(() => herdStream({} as Cluster)).toThrow(refused);
    expect(() => herdOptions(undefined as unknown as Cluster)).toThrow(refused);
    expect(() => herdStream(db, { target: 'master' as 'primary' })).toThrow(refused);
    expect(() => herdOptions(db, { taget: 'primary' } as object)).toThrow(/target/);
  });

  it('nothing is dialled before the first use', async () => {
    await using own = createCluster({ url: 'postgres://app@127.0.0.1:1/app', ...PATIENT });
    const pool = new pg.Pool({ stream: herdStream(own), ssl: false });
    new pg.Client({ stream: herdStream(own), ssl: false });
    expect(own.nodes()[0]?.health).not.toBe('offline');
    await pool.end();
  });
});
