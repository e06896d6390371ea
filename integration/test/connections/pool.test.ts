import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nameOf, open, PATIENT, quiet, rejection, standbyNames } from '../../src/support.ts';

let cluster: TestCluster;
const opened: Cluster[] = [];

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1 });
  await cluster.primary.sql('create role keeper nologin');
  await cluster.primary.sql('grant keeper to app');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

afterAll(() => cluster?.close());

function cut(options: ClusterOptions = {}): Cluster {
  const db = open(cluster, options);
  opened.push(db);
  return db;
}

const primaryName = (): string => nameOf(cluster.primary);
const pidOn = async (db: Pick<Cluster, 'one'>): Promise<unknown> =>
  (await db.one('select pg_backend_pid() as pid'))['pid'];
const primaryPool = (db: Cluster) => {
  const pool = db.stats().nodes.find(({ node }) => node === primaryName())?.pool;
  if (pool === undefined) throw new Error('the primary has no pool');
  return pool;
};

/** What keeps the pool from opening a connection, at the first attempt. */
function refusal(db: Cluster): Promise<string> {
  const failed = new Promise<string>((resolve) => {
    db.on('connection:failed', ({ error }) => resolve(String(error)), { once: true });
  });
  void rejection(db.query('select 1'));
  return failed;
}

describe('what one caller leaves in a session', () => {
  it.each([
    'select 1 as a into local temp t',
    'select 1 as a into global temporary t',
    'select 1 as a into /* not temp */ temp table t',
    'with x as (select 1 as a) select a into temp t from x',
    'explain analyze create temp table t as select 1 as a',
    '/* first */ create table pg_temp.t as select 1 as a',
  ])('is not there for the next one: %s', async (text) => {
    const db = cut({ pool: { max: 1 } });
    const pid = await pidOn(db);
    await db.query(text);
    await quiet(db);
    await db.use(async (lease) => {
      expect(await pidOn(lease)).toBe(pid);
      expect(await lease.one("select to_regclass('pg_temp.t') as left_there")).toEqual({ left_there: null });
    });
  });

  it('is brought back where a caller has thrown it away: reads stay unable to write', async () => {
    const db = createCluster({ url: cluster.primary.url, ...PATIENT, pool: { max: 1 } });
    opened.push(db);
    const question = "select current_setting('transaction_read_only') as guarded, pg_backend_pid() as pid";
    await db.query('select 1');
    const before = await db.read.one(question);
    expect(before).toMatchObject({ guarded: 'on' });
    await db.read.query('discard all');
    await quiet(db);
    expect(await db.read.one(question)).toEqual(before);
  });
});

describe('settings of the session', () => {
  const session = { search_path: ['Odd, name', 'public'], role: 'keeper', 'app.tenant': "o'hara \\ 7" };
  const text =
    "select current_setting('search_path') as path, current_user::text as role, current_setting('app.tenant') as tenant";
  const wanted = { path: '"Odd, name", "public"', role: 'keeper', tenant: "o'hara \\ 7" };

  it('are those of every connection, for writes and for reads', async () => {
    const db = cut({ session });
    expect(await db.one(text)).toEqual(wanted);
    expect(await db.read.one(text)).toEqual(wanted);
  });

  it('come back after a session was changed and reset', async () => {
    const db = cut({ session, pool: { max: 1 } });
    const pid = await db.use(async (lease) => {
      await lease.query('set role none');
      await lease.query("set app.tenant = 'other'");
      await lease.query('set search_path = pg_catalog');
      return pidOn(lease);
    });
    await quiet(db);
    await db.use(async (lease) => {
      expect(await lease.one(text)).toEqual(wanted);
      expect(await pidOn(lease)).toBe(pid);
    });
  });

  it('stand over those of the URL', async () => {
    const url = `${cluster.url}?options=-c%20app.tenant%3Durl%20-c%20app.other%3Durl`;
    const db = createCluster({ url, ...PATIENT, session: { 'app.tenant': 'option' } });
    opened.push(db);
    const row = await db.one("select current_setting('app.tenant') as a, current_setting('app.other') as b");
    expect(row).toEqual({ a: 'option', b: 'url' });
  });

  it('that the server refuses are told of', async () => {
    // The monitor's connection has them as well: no node can be reached until they are right.
    const db = cut({ session: { role: 'nobody_of_that_name' }, waitTimeoutMs: 200 });
    const told = async () => String(await rejection(db.query('select 1')));
    await waitUntil(async () => (await told()).includes('role "nobody_of_that_name" does not exist'), {
      what: 'the reason to be told',
    });
  });
});

describe('hooks', () => {
  it('come in order, with the reason and on the very connection', async () => {
    const seen: string[] = [];
    const pids = new Set<unknown>();
    const db = cut({
      pool: { max: 1 },
      hooks: {
        beforeConnect: ({ node, user, database, access }) => {
          seen.push(`beforeConnect ${node === primaryName()} ${user} ${database} ${access}`);
        },
        afterConnect: async (connection, reason) => {
          seen.push(`afterConnect ${reason}`);
          pids.add((await connection.query('select pg_backend_pid() as pid')).rows[0]?.['pid']);
        },
        beforeAcquire: () => {
          seen.push('beforeAcquire');
          return true;
        },
        afterRelease: () => {
          seen.push('afterRelease');
          return undefined;
        },
        beforeClose: (_connection, reason) => {
          seen.push(`beforeClose: ${reason}`);
        },
      },
    });
    await db.transaction(async (tx) => pids.add(await pidOn(tx)));
    await quiet(db);
    await db.transaction(async (tx) => pids.add(await pidOn(tx)));
    await quiet(db);
    await db.close();
    expect(seen).toEqual([
      'beforeConnect true app app read-write',
      'afterConnect opened',
      'afterRelease',
      'beforeAcquire',
      'afterRelease',
      'beforeClose: the pool is closing',
    ]);
    expect(pids.size).toBe(1);
  });

  it('prepare a session that is kept, and prepare it again after a reset', async () => {
    const reasons: string[] = [];
    const db = cut({
      pool: { max: 1 },
      hooks: {
        afterConnect: async (connection, reason) => {
          reasons.push(reason);
          await connection.query("select set_config('app.prepared', $1, false)", ['yes']);
        },
      },
    });
    const prepared = () =>
      db.use(async (lease) => [
        await pidOn(lease),
        (await lease.one("select current_setting('app.prepared', true) as p"))['p'],
      ]);
    const first = await prepared();
    await quiet(db);
    expect(await prepared()).toEqual(first);
    expect(first[1]).toBe('yes');
    expect(reasons).toEqual(['opened']);
    await db.use((lease) => lease.query("set app.prepared = 'no'"));
    await quiet(db);
    expect(await prepared()).toEqual(first);
    expect(reasons).toEqual(['opened', 'reset']);
  });

  it('refuse a connection: before it is opened, before it is used, after it came back', async () => {
    let refuse = '';
    const pids: unknown[] = [];
    const db = cut({
      pool: { max: 1 },
      hooks: { beforeAcquire: () => refuse !== 'use', afterRelease: () => refuse !== 'return' },
    });
    const take = async () => pids.push(await db.use(pidOn)) && quiet(db);
    await take();
    await take();
    refuse = 'use';
    await take();
    refuse = 'return';
    await take();
    refuse = '';
    await take();
    await take();
    expect(new Set(pids.slice(0, 2)).size).toBe(1);
    expect(new Set(pids).size).toBe(3);
    const shut = cut({
      hooks: {
        beforeConnect: () => {
          throw new Error('not before the vault is open');
        },
      },
    });
    expect(await refusal(shut)).toContain('not before the vault is open');
  });

  it('that throw or leave a mess cost the connection, and are told of', async () => {
    const warned: string[] = [];
    const db = cut({
      pool: { max: 1 },
      hooks: {
        afterRelease: async (connection) => {
          await connection.query('select 1 from nowhere');
          return true;
        },
        beforeClose: () => {
          throw new Error('no goodbye');
        },
      },
    });
    db.on('cluster:warned', ({ message }) => warned.push(message));
    const first = await db.use(pidOn);
    await quiet(db);
    expect(await db.use(pidOn)).not.toBe(first);
    await quiet(db);
    await waitUntil(() => warned.some((one) => one.includes('no goodbye')));
    expect(warned.some((one) => one.includes('afterRelease') && one.includes('nowhere'))).toBe(true);
    const messy = cut({
      hooks: { afterConnect: async (connection) => void (await connection.query('begin')) },
    });
    expect(await refusal(messy)).toContain('left a transaction open');
  });

  it('that prepare sessions are refused where a pooler gives away the sessions', () => {
    const options = { url: cluster.url, pooler: true, hooks: { afterConnect: () => undefined } };
    expect(() => createCluster(options)).toThrow(expect.objectContaining({ code: 'PGHERD_UNSUPPORTED' }));
  });
});

describe('a connection that comes back', () => {
  it('inside a transaction is rolled back and used again', async () => {
    const db = cut({ pool: { max: 1 } });
    await db.query('create table if not exists half (id int)');
    const pid = await db.use(async (lease) => {
      await lease.query('begin');
      await lease.query('insert into half values (1)');
      return pidOn(lease);
    });
    await quiet(db);
    expect(await db.use(pidOn)).toBe(pid);
    expect(await db.rows('select * from half')).toEqual([]);
  });

  it('is not touched through its old lease', async () => {
    const db = cut();
    const lease = await db.acquire();
    expect(lease.isHeld).toBe(true);
    lease.release();
    lease.release();
    lease.release({ destroy: true });
    expect(lease.isHeld).toBe(false);
    expect(await rejection(lease.query('select 1'))).toMatchObject({ code: 'PGHERD_LEASE_RELEASED' });
    await quiet(db);
    expect(primaryPool(db)).toMatchObject({ size: 1, idle: 1 });
  });
});

describe('leases that are not given back', () => {
  it('are told of once, with where they were taken', async () => {
    const db = cut({ pool: { leakAfterMs: 50 } });
    const told: { verb: string; stack: string; node: string; heldMs: number }[] = [];
    db.on('lease:leaked', (event) => told.push(event));
    async function forgetful() {
      return db.acquire();
    }
    const lease = await forgetful();
    await db.transaction(async (tx) => {
      await waitUntil(() => told.length === 2, { what: 'both to be told of' });
      await tx.query('select 1');
    });
    lease.release();
    await using tx = await db.begin();
    await waitUntil(() => told.length === 3, { what: 'the third to be told of' });
    await tx.rollback();
    expect(told.map(({ verb }) => verb)).toEqual(['acquire', 'transaction', 'begin']);
    expect(told[0]?.stack).toContain('forgetful');
    for (const { stack, node, heldMs } of told) {
      expect(stack.split('\n')[0]).toContain('pool.test.ts');
      expect(node).toBe(primaryName());
      expect(heldMs).toBeGreaterThanOrEqual(49);
    }
  });

  it('are no leak where they come back in time, however often', async () => {
    const db = cut({ pool: { leakAfterMs: 60_000, max: 1 } });
    let told = 0;
    db.on('lease:leaked', () => told++);
    for (let turn = 0; turn < 20; turn++) await db.use((lease) => lease.query('select 1'));
    expect(told).toBe(0);
  });
});

describe('a call that would wait for itself', () => {
  it('fails at once where its own functions hold every connection', async () => {
    const db = cut({ pool: { max: 2 }, waitTimeoutMs: 60_000 });
    const deadlock = { code: 'PGHERD_POOL_SELF_DEADLOCK', details: { held: 2, max: 2 } };
    await db.transaction(async () => {
      // One of two is left.
      await db.query('select 1');
      await db.use(async () => {
        expect(await rejection(db.query('insert into nowhere values (1)'))).toMatchObject(deadlock);
        expect(await rejection(db.transaction(async () => 1))).toMatchObject(deadlock);
        expect(await rejection(db.acquire())).toMatchObject(deadlock);
      });
      await db.query('select 1');
    });
  });

  it('goes to another node where one suits', async () => {
    const db = cut({ pool: { max: 1 } });
    await db.ready({ primaries: 1, standbys: 1 });
    await db.use(
      async () => {
        const { node } = await db.query('select 1', [], { target: 'any' });
        expect(node).toBe(primaryName());
        await db.use(async () => {
          expect(await rejection(db.query('select 1', [], { target: 'any' }))).toMatchObject({
            code: 'PGHERD_POOL_SELF_DEADLOCK',
          });
        });
      },
      { node: standbyNames(cluster)[0], target: 'any' },
    );
  });

  it('is told from one that waits for others', async () => {
    const db = cut({ pool: { max: 1 } });
    const lease = await db.acquire();
    const waits = db.query('select 1 as one');
    await waitUntil(() => primaryPool(db).waiting === 1);
    lease.release();
    expect((await waits).rows).toEqual([{ one: 1 }]);
    // What is not awaited inside does wait for its own function's end, which comes.
    let later: Promise<unknown> | undefined;
    const other = await db.acquire();
    const busy = (async () => db.query('select 2 as two'))();
    other.release();
    await busy;
    await db.use(async () => {
      later = rejection(db.query('select 3'));
    });
    expect(await later).toMatchObject({ code: 'PGHERD_POOL_SELF_DEADLOCK' });
  });
});

describe('drain', () => {
  it('replaces every connection while calls go on, and waits for the last lease', async () => {
    const db = cut({ pool: { max: 3 } });
    await db.warmUp();
    const lease = await db.acquire();
    const old = await pidOn(lease);
    let going = true;
    const calls = Array.from({ length: 4 }, async () => {
      while (going) await db.query('select 1');
    });
    let drained = false;
    const draining = db.drain().then(() => {
      drained = true;
    });
    expect(await pidOn(lease)).toBe(old);
    await db.query('select 1');
    expect(drained).toBe(false);
    lease.release();
    await draining;
    going = false;
    await Promise.all(calls);
    await quiet(db);
    // The server's process ends a moment after the connection.
    const left = () => cluster.primary.sql('select 1 from pg_stat_activity where pid = $1', [old]);
    await waitUntil(async () => (await left()).length === 0, { what: 'the old session to end' });
    await db.drain(primaryName());
    expect(primaryPool(db).size).toBe(0);
    expect(await rejection(db.drain('db9:5432'))).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT' });
  });
});

describe('min and the settings of single nodes', () => {
  it('opens again what the server ended, without a call', async () => {
    const db = cut({ pool: { min: 2 }, applicationName: 'kept warm' });
    await db.warmUp();
    await waitUntil(() => primaryPool(db).idle === 2);
    const { opened: before } = primaryPool(db);
    await cluster.primary.sql(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'kept warm'",
    );
    await waitUntil(() => primaryPool(db).opened >= before + 2 && primaryPool(db).idle === 2, {
      what: 'min to be reached again',
    });
  });

  it('of one node stand over those of all', async () => {
    const db = cut({
      pool: { max: 4, min: 3 },
      nodes: { [primaryName()]: { pool: { max: 2 } } },
    });
    await db.warmUp();
    const [standby] = standbyNames(cluster);
    const pools = new Map(db.stats().nodes.map(({ node, pool }) => [node, pool]));
    expect(pools.get(primaryName())).toMatchObject({ max: 2, size: 2 });
    expect(pools.get(standby ?? '')).toMatchObject({ max: 4, size: 3 });
  });

  it('statistics tell who waited, and how often connections were used', async () => {
    const db = cut({ pool: { max: 1 } });
    const lease = await db.acquire();
    const waits = db.use((one) => one.query('select 1'));
    await waitUntil(() => primaryPool(db).oldestWaitMs > 0);
    expect(db.stats().total).toMatchObject({ waiting: 1, acquired: 1 });
    lease.release();
    await waits;
    await quiet(db);
    expect(primaryPool(db)).toMatchObject({ acquired: 2, waited: 2, waiting: 0, oldestWaitMs: 0, failed: 0 });
    expect(primaryPool(db).waitedMs).toBeGreaterThan(0);
  });
});
