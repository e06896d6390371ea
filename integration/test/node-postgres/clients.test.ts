import { once } from 'node:events';
import { type Duplex, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import type { Cluster } from 'pgherd';
import { createPool, herdClient, pgherdModule } from 'pgherd/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guestCount } from '../../src/guests.ts';
import { PG_VERSIONS } from '../../src/pg-versions.ts';
import { nameOf, open, PATIENT, rejection } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
  // No fault is made here: a probe that a busy machine delays must not end an idle client.
  db = open(cluster, { probe: { timeoutMs: PATIENT.waitTimeoutMs }, deadAfterMs: PATIENT.waitTimeoutMs });
  await db.ready({ primaries: 1, standbys: 2 });
});
afterEach(() => waitUntil(() => guestCount(db) === 0, { what: 'no guest to be left' }));
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

const WHERE = 'select inet_server_port() as port, pg_is_in_recovery() as standby, pg_backend_pid() as pid';

let lastSleep = 0;

/** Waits until some node runs a statement with this text. */
async function running(text: string): Promise<void> {
  const find = `select 1 from pg_stat_activity where query = $1 and state = 'active'`;
  const found = async () =>
    (await Promise.all(cluster.nodes.map((node) => node.sql(find, [text])))).some((rows) => rows.length > 0);
  await waitUntil(found, { what: `${text} to run` });
}

describe.each(PG_VERSIONS.slice(0, 2))('a client of %s', (_version, module) => {
  it('is one of pg, needs no options, and leads where its class does', async () => {
    const Client = herdClient(module, db, { target: 'standby' });
    const client = new Client();
    expect(client).toBeInstanceOf(module.Client);
    await client.connect();
    const { rows } = await client.query(WHERE);
    expect(rows).toMatchObject([
      { standby: true, pid: (client as unknown as { processID: number }).processID },
    ]);
    await client.end();
    const other = new Client(`${cluster.url}?target_session_attrs=primary`);
    await other.connect();
    expect((await other.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    await other.end();
  });

  it('reports its end as pg does, since nothing else would', async () => {
    const client = new (herdClient(module, db))();
    await client.connect();
    const { rows } = await client.query(WHERE);
    const errors: unknown[] = [];
    client.on('error', (error) => errors.push(error));
    const ended = new Promise((resolve) => client.once('end', resolve));
    await cluster.primary.sql('select pg_terminate_backend($1::int)', [rows[0].pid]);
    await ended;
    expect(errors[0]).toMatchObject({ code: '57P01' });
    await client.end();
  });

  it('that is ended while it waits for a node waits no longer', async () => {
    const client = new (herdClient(module, db, { node: 'db9:5432' }))();
    // pg itself never settles this one.
    void client.connect();
    await new Promise((resolve) => setImmediate(resolve));
    await client.end();
  });

  it('that connects on a connection which was given up learns that', async () => {
    const client = new (herdClient(module, db))();
    (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rejection(client.connect())).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
  });

  it('that leaves sees its connection end, as a socket does', async () => {
    const client = new (herdClient(module, db))();
    await client.connect();
    const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
    const ended = once(stream, 'end');
    await client.end();
    await ended;
    expect(stream.destroyed).toBe(true);
  });

  it('listens', async () => {
    const client = new (herdClient(module, db))();
    await client.connect();
    await client.query('listen news');
    const heard = once(client, 'notification');
    await db.query("select pg_notify('news', 'hay')");
    expect(await heard).toMatchObject([{ channel: 'news', payload: 'hay' }]);
    await client.end();
  });

  it('cancels by the protocol on the very server', async () => {
    const Client = herdClient(module, db, { target: 'standby' });
    const client = new Client();
    await client.connect();
    const text = `select pg_sleep(602) /* ${++lastSleep} */`;
    const query = new module.Query(text);
    const ended = new Promise((resolve) => query.on('error', resolve));
    client.query(query);
    await running(text);
    const canceller = new Client();
    (canceller as unknown as { cancel(...of: unknown[]): void }).cancel(client, query);
    expect(await ended).toMatchObject({ code: '57014' });
    await client.end();
  });

  it.each([
    ['in the text', (pid: number) => [`select pg_cancel_backend(${pid})`] as const],
    ['as a value', (pid: number) => ['SELECT pg_cancel_backend($1)', [pid]] as const],
  ])('cancels by a statement with the number %s, whichever standby the other client is on', async (_how, make) => {
    const [first, second] = cluster.standbys;
    const clients = await Promise.all(
      [first, first, second].map(async (node) => {
        const client = new (herdClient(module, db, { target: 'standby', node: nameOf(node) }))();
        await client.connect();
        return client;
      }),
    );
    const [sleeper, ...others] = clients;
    if (sleeper === undefined) throw new Error('no client');
    const { pid } = (await sleeper.query(WHERE)).rows[0];
    for (const one of others) {
      // A server reports the error before it says that the statement has ended: another text cannot be taken for it.
      const text = `select pg_sleep(603) /* ${++lastSleep} */`;
      const ended = rejection(sleeper.query(text));
      await running(text);
      const result = await one.query(...(make(pid) as [string]));
      expect(result.rows).toEqual([{ pg_cancel_backend: true }]);
      expect(await ended).toMatchObject({ code: '57014' });
    }
    await Promise.all(clients.map((one) => one.end()));
  });
});

describe.each(PG_VERSIONS.slice(0, 2))('what reads and writes over a pool of %s', (_version, module) => {
  it('cursors, streams of rows, and COPY both ways', async () => {
    const pool = createPool(db, { pg: module, max: 1 });
    const client = await pool.connect();
    const cursor = client.query(new Cursor('select n from generate_series(1, $1::int) n', [25]));
    const parts: number[] = [];
    for (let rows = await cursor.read(10); rows.length > 0; rows = await cursor.read(10))
      parts.push(rows.length);
    expect(parts).toEqual([10, 10, 5]);
    const stream = client.query(
      new QueryStream('select n from generate_series(1, 1000) n', [], { batchSize: 7 }),
    );
    let sum = 0;
    for await (const { n } of stream) sum += n;
    expect(sum).toBe(500_500);
    const left = client.query(
      new QueryStream('select n from generate_series(1, 1000) n', [], { batchSize: 7 }),
    );
    for await (const { n } of left) if (n === 3) break;
    await client.query('create temporary table copied (n int, filling text)');
    const lines = Array.from({ length: 20_000 }, (_, n) => `${n}\t${'z'.repeat(100)}\n`);
    await pipeline(Readable.from(lines), client.query(copyFrom('copy copied from stdin')));
    const out = client.query(copyTo('copy (select * from copied order by n) to stdout'));
    expect((await buffer(out)).toString()).toBe(lines.join(''));
    client.release();
    await pool.end();
  });
});

describe.each(PG_VERSIONS.slice(0, 2))('the module over %s', (_version, module) => {
  it('has everything that the module has, with its own pools and clients', async () => {
    const herd = pgherdModule(module, db);
    const missing = Object.keys(module).filter((name) => name !== 'native' && !(name in herd));
    expect(missing).toEqual([]);
    expect([herd.types, herd.defaults, herd.Query]).toEqual([module.types, module.defaults, module.Query]);
    expect(herd.native).toBeUndefined();
    expect((herd as unknown as { default: unknown }).default).toBe(herd);
    const pool = new herd.Pool({ max: 2 });
    expect(pool).toBeInstanceOf(module.Pool);
    expect((await pool.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    const client = new herd.Client({ host: 'localhost', port: 5432 });
    await client.connect();
    expect((await client.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    expect(guestCount(db)).toBe(2);
    await client.end();
    await pool.end();
  });

  it('reads and writes by two connection strings', async () => {
    const herd = pgherdModule(module, db, { query: 'shared' });
    const reads = new herd.Pool({ connectionString: `${cluster.url}?target_session_attrs=prefer-standby` });
    const writes = new herd.Pool({ connectionString: cluster.url });
    expect((await reads.query(WHERE)).rows).toMatchObject([{ standby: true }]);
    expect((await writes.query(WHERE)).rows).toMatchObject([{ standby: false }]);
    expect([reads.totalCount, writes.totalCount]).toEqual([0, 0]);
    await Promise.all([reads.end(), writes.end()]);
  });
});
