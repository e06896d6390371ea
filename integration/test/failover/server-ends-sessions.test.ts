import { createTestCluster, waitUntil } from '@pgherd/testing';
import { describe, expect, it } from 'vitest';
import { slowPolling } from '../../src/slow-polling.ts';
import { open } from '../../src/support.ts';

const setUp = slowPolling();

describe('sessions that the server ends', () => {
  it('57P01 on every connection of the pools, again and again: no call fails and none is unknown', async () => {
    const load = await setUp.underLoad(async (load) => {
      for (let round = 0; round < 5; round++) {
        expect(await setUp.terminateAll('herd')).toBeGreaterThan(0);
        await load.acknowledged(20);
        await load.served(20);
      }
    });
    expect(load.failedReads).toEqual([]);
    expect(load.failedWrites).toEqual([]);
    expect(load.unknownWrites).toEqual([]);
    const found = await setUp.cluster.primary.sql('select 1'); // The server itself never went away.
    expect(found).toHaveLength(1);
    const rows = await setUp.db.rows<{ id: number }>('select id from journal where id >= $1', [load.firstId]);
    expect(rows.map((row) => row.id).sort((a, b) => a - b)).toEqual(load.writes.map((one) => one.id));
  });

  it('57P01 on the connections of the monitors: nobody is thought to be ill', async () => {
    const changes: unknown[] = [];
    setUp.db.on('node:health-changed', (event) => changes.push(event));
    setUp.db.on('node:role-changed', (event) => changes.push(event));
    setUp.db.on('primary:changed', (event) => changes.push(event));
    const load = await setUp.underLoad(async (load) => {
      expect(await setUp.terminateAll('herd monitor')).toBe(3);
      // Each is back soon although the next poll is far away.
      await waitUntil(async () => (await monitors()) === 3, { what: 'three monitors' });
      await load.acknowledged();
    });
    expect(changes).toEqual([]);
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    expect(load.unknownWrites).toEqual([]);
  });
});

async function monitors(): Promise<number> {
  let count = 0;
  for (const node of setUp.cluster.nodes) {
    const text = "select 1 from pg_stat_activity where application_name = 'herd monitor'";
    count += (await node.sql(text)).length;
  }
  return count;
}

describe('one transient refusal', () => {
  it('while a lease is held does not keep the next caller waiting until its deadline', async () => {
    await using proxied = await createTestCluster({ standbys: 0, proxy: true });
    await using own = open(proxied, { waitTimeoutMs: 600_000 });
    await own.ready();
    await using _lease = await own.acquire();
    let cut = 0;
    proxied.primary.proxy.cutWhen((chunk, direction) => {
      const startup = direction === 'to-server' && chunk.includes('user\0app\0');
      if (!startup || cut > 0) return false;
      cut++;
      return true;
    });
    expect((await own.query('select 1', [], { timeoutMs: 60_000 })).rowCount).toBe(1);
    expect(cut).toBe(1);
  });
});
