import { waitUntil } from '@pgherd/testing';
import type { Cluster, Querier } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { ONE_LANE, times } from '../../src/lanes.ts';
import { oneClient } from '../../src/one-client.ts';
import { open } from '../../src/support.ts';

const setUp = oneClient(['counter (id int primary key, n int not null default 0)']);

/** Whatever stands on a lane, others may join behind it; but there are other connections. */
const DEEP = Object.freeze({ ...ONE_LANE, pool: { max: 10 } });
/** Where it waits for a lock of its own caller's, it ends like this. */
const PATIENT = Object.freeze({ timeoutMs: 30_000 });
const ADD = 'update counter set n = n + 1 where id = $1';

/** Until sessions of the client wait for a lock. */
const someWaitForALock = (count: number) =>
  waitUntil(
    async () => {
      const question = "select 1 from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock'";
      return (await setUp.cluster.primary.sql(question)).length === count;
    },
    { what: `${count} sessions to wait for a lock` },
  );

/** A cluster object that knows how long the texts take, so that others may stand behind them. */
async function openKnowing(): Promise<Cluster> {
  const db = open(setUp.cluster, DEEP);
  await db.query('insert into counter values (1), (2) on conflict (id) do update set n = 0');
  for (let round = 0; round < 5; round++) await Promise.all(times(20, () => db.query(ADD, [2])));
  await db.query('update counter set n = 0');
  return db;
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: () => resolve() };
}

type Hold = (db: Cluster, work: (holder: Querier) => Promise<void>) => Promise<void>;

describe('code that holds a lock', () => {
  it.each<[string, Hold]>([
    ['in transaction(fn)', (db, work) => db.transaction(work)],
    [
      'after begin()',
      async (db, work) => {
        await using tx = await db.begin();
        await work(tx);
        await tx.commit();
      },
    ],
    [
      'after acquire()',
      async (db, work) => {
        await using lease = await db.acquire();
        await lease.query('begin');
        await work(lease);
        await lease.query('commit');
      },
    ],
  ])('%s does not wait behind a statement that waits for it', async (_how, hold) => {
    await using db = await openKnowing();
    let blocked: Promise<unknown> = Promise.resolve();
    // The neighbour is called from here: it holds nothing.
    const call = () => {
      blocked = db.query(ADD, [1]);
    };
    const locked = deferred();
    const neighbourWaits = deferred();
    const holding = hold(db, async (holder) => {
      await holder.query(ADD, [1]);
      locked.resolve();
      await neighbourWaits.promise;
      expect(await db.one('select n from counter where id = 2', [], PATIENT)).toEqual({ n: 0 });
    });
    await Promise.race([locked.promise, holding]);
    call();
    await someWaitForALock(1);
    neighbourWaits.resolve();
    await holding;
    await blocked;
    expect(await db.one('select n from counter where id = 1')).toEqual({ n: 2 });
  });
});

describe('a write that may wait for a lock', () => {
  it('has no other behind it as long as nothing is known of its text', async () => {
    await using db = open(setUp.cluster, DEEP);
    await db.query('insert into counter values (1) on conflict (id) do update set n = 0');
    let blocked: Promise<unknown> = Promise.resolve();
    await setUp.db.transaction(async (tx) => {
      await tx.query(ADD, [1]);
      blocked = db.query('update counter set n = n + 10 where id = 1');
      // They are called in the same turn of the event loop: no time has passed that would say anything.
      const reads = times(20, () => db.query('select 1', [], PATIENT));
      await Promise.all(reads);
    });
    await blocked;
  });

  it('has none behind it for a while once its text was seen waiting', async () => {
    await using db = await openKnowing();
    await setUp.db.query('update counter set n = 0');
    const blocked: Promise<unknown>[] = [];
    await setUp.db.transaction(async (tx) => {
      await tx.query(ADD, [1]);
      // Each stands behind the first one until that is seen waiting; the next has a connection of its own.
      const question = "select 1 from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock'";
      await waitUntil(
        async () => {
          if ((await setUp.cluster.primary.sql(question)).length >= 2) return true;
          blocked.push(db.query(ADD, [1]));
          return false;
        },
        { what: 'a second one to wait on a connection of its own' },
      );
      // Behind either of them they would wait, too.
      await Promise.all(times(20, () => db.query('select 1', [], PATIENT)));
    });
    await Promise.all(blocked);
  });
});
