import { waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type MakeGuest, poolGuest } from '../../src/guests.ts';
import { GuestsUnderFaults } from '../../src/guests-under-faults.ts';
import { nameOf } from '../../src/support.ts';

const WRITERS = 30;
const faulty = new GuestsUnderFaults({ writers: WRITERS, connections: 12 });

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
    const writers = await faulty.write(make, { target: 1_000 }, async (running) => {
      for (let round = 0; round < 20; round++) {
        killed += (await faulty.servers.primary.sql(text)).length;
        await running.more(20);
      }
    });
    expect(killed).toBeGreaterThan(20);
    // What was in flight, at most.
    expect(writers.failed.size).toBeLessThanOrEqual(20 * WRITERS);
  });

  it('the primary is killed', async () => {
    const writers = await faulty.write(make, { target: 300 }, async (running) => {
      await faulty.servers.primary.kill();
      await faulty.servers.failover();
      await running.more(200);
    });
    expect(writers.failed.size).toBeLessThanOrEqual(2 * WRITERS);
  });

  it('the primary falls silent', async () => {
    const old = faulty.servers.primary;
    const writers = await faulty.write(make, { target: 300 }, async (running) => {
      await old.freeze();
      await faulty.servers.failover();
      await running.more(200);
    });
    expect(writers.failed.size).toBeLessThanOrEqual(2 * WRITERS);
    await waitUntil(
      () => faulty.db.stats().nodes.every(({ node, guests }) => node !== nameOf(old) || guests === 0),
      {
        what: 'no connection to the silent one',
      },
    );
  });

  it('the primary is cut off, and comes back superseded', async () => {
    const old = faulty.servers.primary;
    await faulty.write(make, { target: 400 }, async (running) => {
      await old.partition();
      await faulty.servers.failover();
      await running.more(200);
      await old.heal();
      await running.more(100);
      await old.rejoin();
      await running.more(100);
    });
  });

  it('the primary hands its role over', async () => {
    const writers = await faulty.write(make, { target: 300 }, (running) => faulty.switchOver(running));
    expect(writers.failed.size).toBeLessThanOrEqual(WRITERS);
  });
});

it('single statements of a pool that shares: a switchover fails none', async () => {
  const writers = await faulty.write(
    poolGuest(pg, 'shared'),
    { target: 500, singles: true },
    async (running) => {
      for (const to of faulty.servers.standbys.slice(0, 2)) {
        await faulty.servers.switchover(to);
        await running.more(100);
        await faulty.servers.waitForStreaming();
      }
    },
  );
  expect([...writers.failed.values()].map(String)).toEqual([]);
});
