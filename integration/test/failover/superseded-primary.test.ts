import { waitUntil } from '@pgherd/testing';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { slowPolling } from '../../src/slow-polling.ts';
import { nameOf, rejection } from '../../src/support.ts';

const setUp = slowPolling();

describe('a promotion beside a living primary', () => {
  it('nothing is written to the lower timeline once the higher one was seen', async () => {
    const old = setUp.cluster.primary;
    const [standby] = setUp.cluster.standbys;
    if (standby === undefined) throw new Error('no standby');
    let before: number | undefined;
    let running = new Set<number>();
    const load = await setUp.underLoad(async (load) => {
      setUp.db.on('node:standing-changed', (event) => {
        if (event.node !== nameOf(old) || event.after !== 'stale') return;
        before ??= load.writes.at(-1)?.id;
        running = load.idsOf('pending');
      });
      await standby.promote();
      await waitUntil(
        () => setUp.db.nodes().find((node) => node.name === nameOf(old))?.standing === 'stale',
        {
          what: 'the old primary to be superseded',
        },
      );
      await load.acknowledged();
    });
    expect(before).toBeDefined();
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    // What was in flight at that moment is all that may be unknown.
    expect([...load.idsOf('unknown')].filter((id) => !running.has(id))).toEqual([]);
    for (const write of load.writes) {
      if (write.outcome !== 'acknowledged') continue;
      if (write.id > (before ?? 0)) expect(write.node).toBe(nameOf(standby));
    }
    const there = await idsOn(old.directUrl, load.firstId);
    expect(there.filter((id) => id > (before ?? 0))).toEqual([]);
    expect(
      await rejection(setUp.db.query('select 1', [], { node: nameOf(old), timeoutMs: 100 })),
    ).toMatchObject({
      code: 'PGHERD_TIMEOUT',
      message: expect.stringContaining('stale: timeline'),
    });
  });

  it('is learnt by traffic: a session of the promoted standby tells it with its next answer', async () => {
    await setUp.cluster.primary.stop('fast');
    const [standby] = setUp.cluster.standbys;
    await standby?.promote();
    await waitUntil(() => setUp.roleOf(nameOf(standby)) === 'primary', {
      what: 'the new role',
    });
    const { node } = await setUp.db.query('insert into journal values (0)');
    expect(node).toBe(nameOf(standby));
  });
});

async function idsOn(url: string, from: number): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number }>('select id from journal where id >= $1', [from]);
    return rows.map((row) => row.id);
  } finally {
    await client.end();
  }
}
