import { createTestCluster, type TestCluster } from '@pgherd/testing';
import type { Cluster, Lease } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, quiet } from '../../src/support.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 0 });
  await using db = open(cluster);
  await db.script(`
    create function change_quietly() returns int language plpgsql as $$ begin
      perform set_config('app.tenant', 'leaked', false);
      perform pg_advisory_lock(7);
      create temporary table if not exists scratch (n int);
      return 1;
    end $$;
  `);
});
afterAll(() => cluster?.close());

/** What of the change is still there, on the only connection. */
async function seen(db: Cluster): Promise<unknown> {
  await quiet(db);
  return db.one(`select coalesce(current_setting('app.tenant', true), '') as tenant,
    (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
    (select count(*)::int from pg_class where relname = 'scratch') as tables`);
}

const CLEAN = { tenant: '', locks: 0, tables: 0 };
const CHANGED = { tenant: 'leaked', locks: 1, tables: 1 };
const WAYS: readonly [string, (lease: Lease) => Promise<unknown>][] = [
  ['query', (lease) => lease.query('select change_quietly()')],
  ['batch', (lease) => lease.batch(['select 1', 'select public.change_quietly()'])],
  ['stream', (lease) => lease.stream('select change_quietly()').next()],
];

describe('what a function did to the session of a lease', () => {
  it.each(WAYS)('by %s is undone before the connection is handed on', async (_verb, change) => {
    await using db = open(cluster, { pool: { max: 1 } });
    await db.use(change);
    expect(await seen(db)).toEqual(CLEAN);
  });

  it.each(WAYS)('by %s stays with pool.reset: never', async (_verb, change) => {
    await using db = open(cluster, { pool: { max: 1, reset: 'never' } });
    const pid = await db.one('select pg_backend_pid() as pid');
    await db.use(async (lease) => {
      await change(lease);
      await lease.query("set app.other = 'x'");
    });
    if (_verb !== 'stream') expect(await seen(db)).toEqual(CHANGED);
    if (_verb !== 'stream') expect(await db.one('select pg_backend_pid() as pid')).toEqual(pid);
  });

  it('by an update of pg_settings is undone', async () => {
    await using db = open(cluster, { pool: { max: 1 } });
    await db.query("update pg_settings set setting = '5120' where name = 'work_mem'");
    expect(await db.one("select current_setting('work_mem') <> '5MB' as clean")).toEqual({ clean: true });
  });

  it('by a transaction is undone with pool.reset: always', async () => {
    await using db = open(cluster, { pool: { max: 1, reset: 'always' } });
    await db.transaction((tx) => tx.query('select change_quietly()'));
    expect(await seen(db)).toEqual(CLEAN);
  });
});
