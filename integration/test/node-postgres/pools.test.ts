import { once } from 'node:events';
import { inspect } from 'node:util';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type pg from 'pg';
import { type Cluster, createCluster } from 'pgherd';
import { createPool, type GuestOptions } from 'pgherd/pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { guestCount } from '../../src/guests.ts';
import { PG_VERSIONS } from '../../src/pg-versions.ts';
import { described, nameOf, open, PATIENT, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, auth: 'scram-sha-256', tls: true });
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
});
afterEach(async () => {
  await restore(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
  await waitUntil(() => guestCount(db) === 0, { what: 'no guest to be left' });
});
afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

/** The node that a client leads to, and its process there. */
async function where(
  client: Pick<pg.Pool, 'query'>,
): Promise<{ port: number; standby: boolean; pid: number }> {
  const text = `select inet_server_port() as port, pg_is_in_recovery() as standby, pg_backend_pid() as pid`;
  return (await client.query(text)).rows[0];
}

/** Whether the node at a port serves reads that may lag by 1 MB. */
function suitable(from: Cluster, port: number): boolean {
  const { tiers } = from.explainTarget('standby', { maxLagBytes: 1_000_000 });
  return tiers.flat().some((name) => name.endsWith(`:${port}`));
}

/** What a pool reported, in order. */
function watched(pool: pg.Pool): string[] {
  const seen: string[] = [];
  for (const name of ['connect', 'acquire', 'release', 'remove'] as const)
    pool.on(name, () => seen.push(name));
  return seen;
}

describe.each(PG_VERSIONS)('a pool of %s', (_version, module) => {
  const make = (options: GuestOptions & pg.PoolConfig = {}): pg.Pool =>
    createPool(db, { pg: module, ...options });

  it('is one of pg, with its events, counts and limits', async () => {
    const pool = make({ max: 2, idleTimeoutMillis: 0 });
    expect(pool).toBeInstanceOf(module.Pool);
    const seen = watched(pool);
    const one = await pool.connect();
    expect(one).toBeInstanceOf(module.Client);
    const two = await pool.connect();
    const waiting = pool.connect();
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([2, 0, 1]);
    expect(guestCount(db)).toBe(2);
    one.release();
    const three = await waiting;
    expect(three).toBe(one);
    three.release();
    two.release(true);
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
    await pool.end();
    expect(seen.filter((name) => name === 'connect')).toHaveLength(2);
    expect(seen.filter((name) => name === 'acquire')).toHaveLength(3);
    const removed = () => seen.filter((name) => name === 'remove').length;
    await waitUntil(() => removed() === 2, { what: 'both connections to have closed' });
    expect(pool.ended).toBe(true);
    expect(String(await rejection(pool.connect()))).toContain('after calling end');
  });

  it('takes callbacks as well as promises', async () => {
    const pool = make();
    const found = await new Promise((resolve, reject) => {
      pool.query('select $1::int as n', [7], (error, result) =>
        error ? reject(error) : resolve(result.rows),
      );
    });
    expect(found).toEqual([{ n: 7 }]);
    const rows = await new Promise((resolve, reject) => {
      pool.connect((error, client, release) => {
        if (client === undefined) reject(error);
        else
          client.query('select 8 as n', (failed, result) => {
            release();
            if (failed) reject(failed);
            else resolve(result.rows);
          });
      });
    });
    expect(rows).toEqual([{ n: 8 }]);
    expect((await pool.query({ text: 'select 9 as n', rowMode: 'array' })).rows).toEqual([[9]]);
    expect(await rejection(pool.query('select 1 / 0'))).toMatchObject({ code: '22012' });
    await new Promise<void>((resolve) => pool.end(() => resolve()));
  });

  it('gives a transaction one connection', async () => {
    const pool = make({ max: 1 });
    const client = await pool.connect();
    const { pid } = await where(client);
    await client.query('begin');
    await client.query('create table undone ()');
    await client.query('rollback');
    expect((await where(client)).pid).toBe(pid);
    client.release();
    expect((await pool.query("select to_regclass('undone') as it")).rows).toEqual([{ it: null }]);
    await pool.end();
  });

  it('has its own limit of the wait for a node, and the error says why there was none', async () => {
    await using lost = createCluster({ url: 'postgres://app@127.0.0.1:1/app', ...PATIENT });
    const pool = createPool(lost, { pg: module, connectionTimeoutMillis: 100 });
    const error = await rejection(pool.query('select 1'));
    expect(String(error)).toContain('timeout');
    expect(error).toMatchObject({
      cause: { code: 'PGHERD_NO_SUITABLE_NODE', message: expect.stringContaining('127.0.0.1:1') },
    });
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });

  it('names the code that waits, in the stack of an error', async () => {
    await using lost = createCluster({ url: 'postgres://app@127.0.0.1:1/app', ...PATIENT });
    const pool = createPool(lost, { pg: module, connectionTimeoutMillis: 100 });
    async function whoConnects(): Promise<void> {
      await pool.connect();
    }
    async function whoAsks(): Promise<void> {
      await pool.query('select 1');
    }
    for (const [name, one] of Object.entries({ whoConnects, whoAsks }))
      expect(((await rejection(one())) as Error).stack).toContain(name);
    await pool.end();
  });

  it('waits for a node longer than the cluster would, if its own limit is longer', async () => {
    await using impatient = open(cluster, { waitTimeoutMs: 1 });
    await impatient.ready({ primaries: 1, timeoutMs: PATIENT.waitTimeoutMs });
    const pool = createPool(impatient, { pg: module, connectionTimeoutMillis: 120_000 });
    await cluster.primary.kill();
    await waitUntil(
      () => impatient.nodes().every(({ health, role }) => health !== 'ok' || role !== 'primary'),
      {
        what: 'the loss of the primary to be noticed',
      },
    );
    const found = pool.query('select 1 as n');
    await cluster.failover();
    expect((await found).rows).toEqual([{ n: 1 }]);
    await pool.end();
  });

  it('idle connections leave a node that hands its role over, without an error', async () => {
    const pool = make({ idleTimeoutMillis: 0 });
    const errors: unknown[] = [];
    pool.on('error', (error) => errors.push(error));
    const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    for (const client of clients) client.release();
    expect(pool.idleCount).toBe(3);
    const [to] = cluster.standbys;
    if (to === undefined) throw new Error('no standby');
    const old = nameOf(cluster.primary);
    await cluster.switchover(to);
    await waitUntil(() => db.stats().nodes.every(({ node, guests }) => node !== old || guests === 0), {
      what: 'the pool to leave the old primary',
    });
    expect(await where(pool)).toMatchObject({ port: to.port, standby: false });
    // The server itself ends what is idle when it shuts down: that is an error, as with pg; the rest is none.
    expect(errors.filter((error) => (error as { code?: string }).code === 'PGHERD_CONNECTION_LOST')).toEqual(
      [],
    );
    await pool.end();
  });

  it('without a listener an idle or a busy connection that the server ends ends nothing else', async () => {
    const pool = make({ max: 3 });
    const busy = await pool.connect();
    const { pid } = await where(busy);
    const idle = await pool.connect();
    const other = await where(idle);
    idle.release();
    await cluster.primary.sql('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
      [pid, other.pid],
    ]);
    await waitUntil(() => guestCount(db) === 0, { what: 'both to end' });
    await waitUntil(() => pool.idleCount === 0, { what: 'the idle one to leave the pool' });
    expect(String(await rejection(busy.query('select 1')))).toContain('not queryable');
    busy.release();
    expect(pool.totalCount).toBe(0);
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
    await pool.end();
  });

  it('with a listener it is reported, as by pg', async () => {
    const pool = make();
    const { pid } = await where(pool);
    const reported = once(pool, 'error');
    await cluster.primary.sql('select pg_terminate_backend($1::int)', [pid]);
    expect(await reported).toMatchObject([{ code: '57P01' }, expect.any(module.Client)]);
    await pool.end();
  });

  it('a connection to a node that has fallen silent is not handed out, and its socket is destroyed', async () => {
    const pool = make({ idleTimeoutMillis: 0 });
    const held = await pool.connect();
    const stuck = rejection(held.query('select pg_sleep(600)'));
    await pool.query('select 1');
    const old = cluster.primary;
    await old.freeze();
    await waitUntil(() => described(db, old).health !== 'ok', { what: 'the silence to be noticed' });
    const found = where(pool);
    await cluster.failover();
    expect(await found).toMatchObject({ port: cluster.primary.port, standby: false });
    expect(await stuck).toMatchObject({ code: 'PGHERD_CONNECTION_LOST' });
    held.release();
    await pool.end();
  });

  it('an idle client whose standby lags behind the limit of its pool makes room for another', async () => {
    const pool = make({ target: 'standby', maxLagBytes: 1_000_000, idleTimeoutMillis: 0, max: 1 });
    const before = await where(pool);
    const lagging = cluster.standbys.find(({ port }) => port === before.port);
    if (lagging === undefined) throw new Error('not on a standby');
    const removed = once(pool, 'remove');
    await lagging.sql('select pg_wal_replay_pause()');
    try {
      await cluster.primary.sql(
        'create table filling as select repeat($1, 1000) from generate_series(1, 5000)',
        ['x'],
      );
      await waitUntil(() => !suitable(db, before.port), { what: 'the lag to be known' });
      expect(pool.idleCount).toBe(1);
      const after = await where(pool);
      expect(after.standby).toBe(true);
      expect(after.port).not.toBe(before.port);
      await removed;
    } finally {
      await lagging.sql('select pg_wal_replay_resume()');
      await cluster.primary.sql('drop table if exists filling');
    }
    await pool.end();
  });

  it('of two targets on one cluster lead to the right nodes', async () => {
    const writes = make();
    const reads = make({ target: 'standby' });
    const named = make({ connectionString: `${cluster.url}?target_session_attrs=standby` });
    expect(await where(writes)).toMatchObject({ standby: false });
    expect(await where(reads)).toMatchObject({ standby: true });
    expect(await where(named)).toMatchObject({ standby: true });
    expect(await rejection(reads.query('create table mistaken ()'))).toMatchObject({ code: '25006' });
    await Promise.all([writes.end(), reads.end(), named.end()]);
  });
});

describe('options that the cluster has too', () => {
  const [[, module] = []] = PG_VERSIONS;
  if (module === undefined) throw new Error('no pg');
  const make = (options: pg.PoolConfig & GuestOptions) => createPool(db, { pg: module, ...options });

  it('may be repeated, with all hosts', async () => {
    const { user, password, host, port } = {
      user: 'app',
      password: 'app',
      host: '127.0.0.1',
      port: cluster.primary.port,
    };
    const all = [
      { connectionString: cluster.url },
      { connectionString: `${cluster.url}?application_name=mine&statement_timeout=4000` },
      { user, password, host, port, database: 'app', ssl: false as const },
      { host: 'localhost' },
      { user: '', password: '' },
    ];
    for (const options of all) {
      const pool = make(options);
      expect((await pool.query('select current_user as it')).rows).toEqual([{ it: 'app' }]);
      await pool.end();
    }
    const pool = make({ connectionString: `${cluster.url}?application_name=mine&statement_timeout=4000` });
    const text = `select current_setting('application_name') as name, current_setting('statement_timeout') as most`;
    expect((await pool.query(text)).rows).toEqual([{ name: 'mine', most: '4s' }]);
    await pool.end();
  });

  it.each<[string, pg.PoolConfig]>([
    ['user', { user: 'another' }],
    ['user', { connectionString: 'postgres://another@localhost/app' }],
    ['database', { database: 'another' }],
    ['password', { password: 'secret-word' }],
    ['password', { connectionString: 'postgres://app:secret-word@localhost/app' }],
    ['password', { password: () => 'secret-word' }],
    ['host', { host: 'db9' }],
    ['host', { connectionString: 'postgres://app@db1,db9/app' }],
    ['port', { port: 1 }],
    ['ssl', { ssl: { ca: 'of another' } }],
    ['stream', { stream: () => undefined as never }],
  ])('that contradict it are refused: %s', (name, options) => {
    const refused = expect.objectContaining({
      code: 'PGHERD_INVALID_ARGUMENT',
      details: { arguments: [name] },
      message: expect.not.stringContaining('secret-word'),
    });
    expect(() => make(options)).toThrow(refused);
  });

  it('hide the password where they are printed', async () => {
    const pool = make({ connectionString: cluster.url, password: 'app' });
    const one = await pool.connect();
    one.release();
    expect(pool.options.connectionString).toBe(cluster.url);
    for (const shown of [inspect(pool.options), JSON.stringify(pool.options), inspect(one, { depth: 4 })])
      expect(shown).not.toContain('app:app');
    expect(JSON.stringify(pool.options)).not.toContain('password');
    await pool.end();
  });

  it('say what was given for TLS, which is hidden where they are printed', async () => {
    await using secure = createCluster({ url: `${cluster.url}?sslmode=require`, env: {} });
    const ssl = { rejectUnauthorized: false };
    const pool = createPool(secure, { pg: module, ssl });
    const text = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
    expect((await pool.query(text)).rows).toEqual([{ ssl: true }]);
    expect(pool.options.ssl).toBe(ssl);
    for (const shown of [inspect(pool.options), JSON.stringify(pool.options)])
      expect(shown).not.toContain('rejectUnauthorized');
    await pool.end();
    expect(make({}).options.ssl).toBeUndefined();
  });

  it('a client that is made of a copy of them leads where the pool does', async () => {
    const pool = make({ target: 'standby', connectionString: cluster.url });
    const Own = (pool as unknown as { Client: typeof pg.Client }).Client;
    const client = new Own({ ...pool.options });
    await client.connect();
    expect(await where(client)).toMatchObject({ standby: true });
    await client.end();
    await pool.end();
  });

  it('a class of clients of the program is extended, and one that is no client of pg stays what it is', async () => {
    class Own extends module.Client {
      readonly mine = true;
    }
    const pool = createPool(db, { pg: module, Client: Own, connectionString: cluster.url });
    const client = await pool.connect();
    expect(client).toBeInstanceOf(Own);
    expect(await where(client)).toMatchObject({ standby: false });
    client.release();
    await pool.end();
    const seen: pg.PoolConfig[] = [];
    function Fake(this: object, options: pg.PoolConfig) {
      seen.push(options);
      return { connect: (done: (error: Error) => void) => done(new Error('as told')), on: () => undefined };
    }
    const fake = createPool(db, { pg: module, Client: Fake as never, connectionString: cluster.url });
    expect(String(await rejection(fake.connect()))).toContain('as told');
    expect(seen[0]?.connectionString).toBe(cluster.url);
    await fake.end();
  });

  it('a module that is none, or one that is too old, is refused with the range', async () => {
    const refused = expect.objectContaining({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringContaining('8.16'),
    });
    expect(() => createPool(db, { pg: undefined } as never)).toThrow(refused);
    expect(() => createPool(db, { pg: {} } as never)).toThrow(refused);
    class Deaf extends module.Client {
      constructor() {
        super({});
      }
    }
    const pool = createPool(db, { pg: { ...module, Client: Deaf } });
    expect(await rejection(pool.connect())).toEqual(refused);
    // Of another copy of pg, say, which would dial by itself.
    const other = createPool(db, { pg: module, Client: Deaf });
    expect(await rejection(other.connect())).toEqual(refused);
  });
});
