import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { Kysely, sql } from 'kysely';
import pg from 'pg';
import Cursor from 'pg-cursor';
import type { Cluster } from 'pgherd';
import { herdDialect, herdReads } from 'pgherd/kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestCount } from '../../src/guests.ts';
import { open, rejection } from '../../src/support.ts';

interface Tables {
  grown: { id: number; name: string };
}

let cluster: TestCluster;
let db: Cluster;
let writes: Kysely<Tables>;
let reads: Kysely<Tables>;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2, synchronous: { commit: 'remote_apply', any: 2 } });
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
  await db.query('create table grown (id int not null, name text not null)');
  writes = new Kysely<Tables>({
    dialect: herdDialect(db, { pg, max: 3, cursor: Cursor, reads: { target: 'standby' } }),
  });
  reads = writes.withPlugin(herdReads());
});
afterAll(async () => {
  await writes?.destroy();
  if (db !== undefined) await waitUntil(() => guestCount(db) === 0, { what: 'no guest to be left' });
  await db?.close();
  await cluster?.close();
});

const IN_RECOVERY = sql<{ standby: boolean }>`select pg_is_in_recovery() as standby`;

async function isOnStandby(where: Kysely<Tables>): Promise<boolean | undefined> {
  return (await IN_RECOVERY.execute(where)).rows[0]?.standby;
}

describe('A dialect for Kysely', () => {
  it('writes to the primary, and reads from a standby where it is asked to', async () => {
    await writes.insertInto('grown').values({ id: 1, name: 'hay' }).execute();
    expect(await isOnStandby(writes)).toBe(false);
    expect(await isOnStandby(reads)).toBe(true);
    const rows = await reads.selectFrom('grown').select('name').where('id', '=', 1).execute();
    expect(rows).toEqual([{ name: 'hay' }]);
  });

  it('refuses a write among reads', async () => {
    const error = await rejection(reads.insertInto('grown').values({ id: 2, name: 'straw' }).execute());
    expect(error).toMatchObject({ code: '25006' });
  });

  it('keeps a transaction on one server, and rolls it back', async () => {
    const seen = reads.transaction().execute(async (tx) => {
      await tx.insertInto('grown').values({ id: 3, name: 'straw' }).execute();
      expect(await isOnStandby(tx)).toBe(false);
      throw new Error('enough');
    });
    await expect(seen).rejects.toThrow('enough');
    expect(await writes.selectFrom('grown').where('id', '=', 3).select('id').execute()).toEqual([]);
  });

  it('takes a read-only transaction to a standby', async () => {
    const on = await writes
      .transaction()
      .setAccessMode('read only')
      .execute(async (tx) => isOnStandby(tx));
    expect(on).toBe(true);
  });

  it('has savepoints', async () => {
    const tx = await writes.startTransaction().execute();
    const point = await tx.savepoint('before').execute();
    await point.insertInto('grown').values({ id: 4, name: 'straw' }).execute();
    await point.rollbackToSavepoint('before').execute();
    await tx.commit().execute();
    expect(await writes.selectFrom('grown').where('id', '=', 4).select('id').execute()).toEqual([]);
  });

  it('streams from a standby', async () => {
    const seen: number[] = [];
    const rows = reads
      .selectFrom(sql<{ n: number }>`generate_series(1, 250)`.as<'s'>('s'))
      .select(sql<number>`s`.as('n'));
    for await (const { n } of rows.stream(100)) seen.push(n);
    expect(seen).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
  });

  it('cancels a statement on the standby that runs it', async () => {
    const sleeping = `select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`;
    const running = async () =>
      (await Promise.all(cluster.standbys.map((node) => node.sql(sleeping)))).flat().length;
    const abort = new AbortController();
    const failed = rejection(
      sql`select pg_sleep(600)`.execute(reads, {
        signal: abort.signal,
        inflightQueryAbortStrategy: 'cancel query',
      }),
    );
    await waitUntil(async () => (await running()) === 1, { what: 'the statement to run' });
    abort.abort();
    await failed;
    await waitUntil(async () => (await running()) === 0, { what: 'the statement to be cancelled' });
  });

  it('writes to the next primary', async () => {
    await cluster.switchover(cluster.standbys[0] ?? cluster.primary);
    await waitUntil(
      () =>
        writes
          .insertInto('grown')
          .values({ id: 5, name: 'hay' })
          .execute()
          .then(
            () => true,
            () => false,
          ),
      { what: 'a write on the new primary' },
    );
    expect(await writes.selectFrom('grown').where('id', '=', 5).select('name').execute()).toEqual([
      { name: 'hay' },
    ]);
  });
});
