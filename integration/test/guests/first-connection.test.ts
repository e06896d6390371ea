import { once } from 'node:events';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import { createPool, herdStream } from 'pgherd/pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open } from '../../src/support.ts';

const LONG = 3_000_000;

describe.each([
  ['in the clear', false],
  ['over TLS', true],
])('the first guest of a program, %s', (_how, tls) => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 0, auth: 'scram-sha-256', tls });
  });
  afterAll(() => cluster?.close());

  /** The sessions of a program in the order in which they were opened, once its monitor has its own: whose they are, and their name. */
  async function sessions(db: Cluster, pool: pg.Pool): Promise<unknown[]> {
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    await db.nextProbe();
    const opened = await cluster.primary.sql(
      "select pid, application_name from pg_stat_activity where usename = 'app' order by backend_start",
    );
    return opened.map(({ pid, application_name: name }) => [pid === rows[0].pid ? 'guest' : 'other', name]);
  }

  it('takes over the first connection of the monitor, which opens another one', async () => {
    await using db = open(cluster);
    const pool = createPool(db, { pg, max: 1 });
    expect(await sessions(db, pool)).toEqual([
      ['guest', 'pgherd'],
      ['other', 'pgherd monitor'],
    ]);
    expect(db.stats().total.guests).toBe(1);
    await pool.end();
  });

  it('has a connection of its own if it asks for another one', async () => {
    await using db = open(cluster);
    const pool = createPool(db, { pg, max: 1, application_name: 'shop' });
    expect(await sessions(db, pool)).toContainEqual(['guest', 'shop']);
    expect(await sessions(db, pool)).not.toContainEqual(['guest', 'pgherd']);
    await pool.end();
  });

  it('reads rows as they came, also while other connections are read', async () => {
    await using db = open(cluster);
    const pool = createPool(db, { pg, max: 1 });
    const client = await pool.connect();
    const text = 'select repeat($1, $2::int) as word';
    const [own, others] = await Promise.all([
      Promise.all(['x', 'y'].map((letter) => client.query(text, [letter, LONG]))),
      Promise.all(['a', 'b', 'c'].map((letter) => db.query(text, [letter, LONG]))),
    ]);
    const isWhole = ({ rows }: { rows: readonly { word?: string }[] }, letter: string) =>
      rows[0]?.word === letter.repeat(LONG);
    expect([...own, ...others].map((result, index) => isWhole(result, 'xyabc'[index] ?? ''))).toEqual(
      Array(5).fill(true),
    );
    client.release();
    await pool.end();
  });

  it('can be cancelled, hears notifications, and learns of its end', async () => {
    await using db = open(cluster);
    const pool = createPool(db, { pg, max: 1 });
    const client = await pool.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const query = new pg.Query('select pg_sleep(600)');
    const ended = new Promise<unknown>((resolve) => query.on('error', resolve));
    client.query(query);
    await waitUntil(
      async () => {
        const running = await db.query("select from pg_stat_activity where pid = $1 and state = 'active'", [
          rows[0].pid,
        ]);
        return running.rows.length === 1;
      },
      { what: 'the statement to run' },
    );
    const canceller = new pg.Client({ stream: herdStream(db), ssl: false });
    (canceller as unknown as { cancel(...of: unknown[]): void }).cancel(client, query);
    expect(await ended).toMatchObject({ code: '57014' });
    await client.query('listen news');
    const heard = once(client, 'notification');
    await db.query("select pg_notify('news', 'hay')");
    expect(await heard).toMatchObject([{ payload: 'hay' }]);
    const lost = once(client, 'error');
    await db.query('select pg_terminate_backend($1)', [rows[0].pid]);
    expect(String(await lost)).toContain('terminat');
    client.release();
    await pool.end();
  });
});
