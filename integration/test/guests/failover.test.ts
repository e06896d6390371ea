import { setTimeout as lasting } from 'node:timers/promises';
import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Writers } from '../../src/guest-writers.ts';
import { GUESTS, type GuestClient, guestCount, type MakeGuest } from '../../src/guests.ts';
import { codeOf, createTable, nameOf, open, restore } from '../../src/support.ts';

const WRITERS = 20;
/** Codes of a call that failed because its connection did, or because the node lost its role. */
const EXPECTED: ReadonlySet<unknown> = new Set([
  'PGHERD_CONNECTION_LOST',
  'CONNECTION_CLOSED',
  '25006',
  '25P02',
  '57P01',
  '57P02',
  '57P03',
]);

/** What pg says of a client whose connection has ended between two statements of a transaction. */
const NOT_QUERYABLE = 'Client has encountered a connection error and is not queryable';

let cluster: TestCluster;
let db: Cluster;
beforeAll(async () => {
  cluster = await createTestCluster({
    standbys: 2,
    synchronous: { commit: 'on', any: 1 },
    settings: { max_connections: '100' },
  });
  await createTable(cluster, 'kept', 'id int not null');
});
afterEach(async () => {
  await db?.close({ timeoutMs: 5_000 });
  await restore(cluster);
});
afterAll(() => cluster?.close());

/** Lets the guest write under faults; then the table must have each acknowledged row once. */
async function underFaults(
  make: MakeGuest,
  target: number,
  faults: (writers: Writers, guest: GuestClient) => Promise<void>,
): Promise<Writers> {
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
  const guest = make(db, { max: 8, applicationName: 'writer' });
  const writers = new Writers(guest, target, WRITERS);
  try {
    await writers.more(50);
    await faults(writers, guest);
  } finally {
    writers.enough();
    await writers.done;
    await guest[Symbol.asyncDispose]();
  }
  await writers.assertKept(cluster.primary);
  const odd = [...writers.failed.values()].filter(
    (error) => !EXPECTED.has(codeOf(error)) && !String(error).includes(NOT_QUERYABLE),
  );
  expect(odd.map((error) => `${String(codeOf(error))} ${String(error)}`)).toEqual([]);
  return writers;
}

describe.each(GUESTS)('%s as a guest', (client, make) => {
  it('3,000 writes while backends are terminated every 60 ms: none twice, none lost, none hangs', async () => {
    const text = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'writer'
      order by random() limit 1`;
    let killed = 0;
    const writers = await underFaults(make, 3_000, async (running) => {
      while (running.acknowledged.length < 3_000) {
        killed += (await cluster.primary.sql(text)).length;
        await lasting(60);
      }
    });
    expect(killed).toBeGreaterThan(5);
    expect(writers.acknowledged.length).toBeGreaterThanOrEqual(3_000);
    // No more than what was on the connections that were ended.
    expect(writers.failed.size, client).toBeLessThanOrEqual(killed * WRITERS);
  });

  it('the primary is killed, and another takes over', async () => {
    await underFaults(make, 300, async (writers) => {
      await cluster.primary.kill();
      const { promoted } = await cluster.failover();
      await writers.more(200);
      expect(
        db
          .stats()
          .nodes.filter(({ guests }) => guests > 0)
          .map(({ node }) => node),
      ).toEqual([nameOf(promoted)]);
    });
  });

  it('the primary hands its role over', async () => {
    await underFaults(make, 300, async (writers) => {
      const [to] = cluster.standbys;
      if (to === undefined) throw new Error('no standby');
      await cluster.switchover(to);
      await writers.more(200);
      const left = () => db.stats().nodes.every(({ node, guests }) => node === nameOf(to) || guests === 0);
      await waitUntil(left, { what: 'no guest on the former primary' });
    });
  });

  it('a primary that falls silent: statements on it end, and go on elsewhere', async () => {
    await underFaults(make, 300, async (writers, guest) => {
      const before = writers.failed.size;
      const stuck = guest.run('select pg_sleep(600)').catch((error: unknown) => error);
      const old = cluster.primary;
      const slow = async () =>
        (await old.sql("select 1 from pg_stat_activity where query = 'select pg_sleep(600)'")).length > 0;
      await waitUntil(slow, { what: 'the long statement to run' });
      await old.freeze();
      await cluster.failover();
      await writers.more(200);
      expect(codeOf(await stuck)).toBe('PGHERD_CONNECTION_LOST');
      expect(writers.failed.size).toBeGreaterThanOrEqual(before);
      expect(db.stats().nodes.find(({ node }) => node === nameOf(old))?.guests).toBe(0);
    });
  });
});

describe.each(GUESTS)('%s that reads', (_client, make) => {
  it('leaves a standby that is promoted, once its statement has ended', async () => {
    db = open(cluster);
    await db.ready({ primaries: 1, standbys: 2 });
    await using guest = make(db, { target: 'standby', max: 1 });
    const where = async () =>
      String(
        (await guest.run(`select current_setting('port') as port, pg_is_in_recovery() as it`))[0]?.['it'],
      );
    expect(await where()).toBe('true');
    const [at] = db.stats().nodes.filter(({ guests }) => guests > 0);
    const standby = cluster.standbys.find((node) => nameOf(node) === at?.node);
    if (standby === undefined) throw new Error('not on a standby');
    const slow = guest.run(`select pg_sleep(1), 'ended' as it`);
    await cluster.switchover(standby);
    expect(await slow).toMatchObject([{ it: 'ended' }]);
    const moved = () => db.stats().nodes.every(({ node, guests }) => node !== at?.node || guests === 0);
    await waitUntil(moved, { what: 'the guest to leave' });
    expect(await waitUntil(where, { what: 'another standby' })).toBe('true');
    expect(guestCount(db)).toBe(1);
  });
});
