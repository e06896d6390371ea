import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Writers } from '../../src/guest-writers.ts';
import { type MakeGuest, poolGuest } from '../../src/guests.ts';
import { codeOf, createTable, nameOf, open, restore } from '../../src/support.ts';

const WRITERS = 30;
const CONNECTIONS = 12;
/** Codes of a call that failed because its connection did, or because the node lost its role. */
const EXPECTED: ReadonlySet<unknown> = new Set([
  'PGHERD_CONNECTION_LOST',
  'PGHERD_OUTCOME_UNKNOWN',
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
    proxy: true,
    synchronous: { commit: 'on', any: 1 },
    settings: { max_connections: '100' },
  });
  await createTable(cluster, 'kept', 'id int not null');
});
afterEach(async () => {
  await db?.close({ timeoutMs: 5_000 });
  for (const node of cluster.nodes) await node.heal();
  await restore(cluster);
});
afterAll(() => cluster?.close());

interface Run {
  readonly target: number;
  readonly singles?: boolean | undefined;
}

/** Lets a pool write under faults; then the table must have each acknowledged row once. */
async function underFaults(
  make: MakeGuest,
  { target, singles }: Run,
  faults: (writers: Writers) => Promise<void>,
): Promise<Writers> {
  db = open(cluster);
  await db.ready({ primaries: 1, standbys: 2 });
  const guest = make(db, { max: CONNECTIONS, applicationName: 'writer' });
  const writers = new Writers(guest, target, WRITERS, singles);
  try {
    await writers.more(50);
    await faults(writers);
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

const POOLS: readonly (readonly [string, MakeGuest])[] = [
  ['a pool', poolGuest(pg)],
  ['a pool that shares', poolGuest(pg, 'shared')],
];

describe.each(
  POOLS,
)('%s under 30 writers, half of them in transactions, without a listener for errors', (_name, make) => {
  it('every backend is terminated twenty times', async () => {
    const text = `select pg_terminate_backend(pid) from pg_stat_activity
      where backend_type = 'client backend' and usename = 'app' and pid <> pg_backend_pid()`;
    let killed = 0;
    const writers = await underFaults(make, { target: 1_000 }, async (running) => {
      for (let round = 0; round < 20; round++) {
        killed += (await cluster.primary.sql(text)).length;
        await running.more(20);
      }
    });
    expect(killed).toBeGreaterThan(20);
    // What was in flight, at most.
    expect(writers.failed.size).toBeLessThanOrEqual(20 * WRITERS);
  });

  it('the primary is killed', async () => {
    const writers = await underFaults(make, { target: 300 }, async (running) => {
      await cluster.primary.kill();
      await cluster.failover();
      await running.more(200);
    });
    expect(writers.failed.size).toBeLessThanOrEqual(2 * WRITERS);
  });

  it('the primary falls silent', async () => {
    const old = cluster.primary;
    const writers = await underFaults(make, { target: 300 }, async (running) => {
      await old.freeze();
      await cluster.failover();
      await running.more(200);
    });
    expect(writers.failed.size).toBeLessThanOrEqual(2 * WRITERS);
    await waitUntil(
      () => db.stats().nodes.every(({ node, guests }) => node !== nameOf(old) || guests === 0),
      {
        what: 'no connection to the silent one',
      },
    );
  });

  it('the primary is cut off, and comes back superseded', async () => {
    const old = cluster.primary;
    await underFaults(make, { target: 400 }, async (running) => {
      await old.partition();
      await cluster.failover();
      await running.more(200);
      await old.heal();
      await running.more(100);
      await old.rejoin();
      await running.more(100);
    });
  });

  it('the primary hands its role over', async () => {
    const writers = await underFaults(make, { target: 300 }, async (running) => {
      const [to] = cluster.standbys;
      if (to === undefined) throw new Error('no standby');
      await cluster.switchover(to);
      await running.more(200);
    });
    expect(writers.failed.size).toBeLessThanOrEqual(3 * WRITERS);
  });
});

it('single statements of a pool that shares: a switchover fails none', async () => {
  const writers = await underFaults(
    poolGuest(pg, 'shared'),
    { target: 500, singles: true },
    async (running) => {
      for (const to of cluster.standbys.slice(0, 2)) {
        await cluster.switchover(to);
        await running.more(100);
        await cluster.waitForStreaming();
      }
    },
  );
  expect([...writers.failed.values()].map(String)).toEqual([]);
});
