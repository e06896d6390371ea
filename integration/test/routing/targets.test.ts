import { waitUntil } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { itemClient } from '../../src/item-client.ts';
import { allCaughtUp, open, PATIENT, rejection, standbyNames } from '../../src/support.ts';

const setUp = itemClient();

describe('targets', () => {
  it('read goes to standbys, and db itself to the primary', async () => {
    const row = await setUp.db.read.one('select pg_is_in_recovery() as standby');
    expect(row).toEqual({ standby: true });
    expect((await setUp.db.query('select 1')).node).toBe(setUp.primaryName());
  });

  it.each(['round-robin', 'random', 'p2c'] as const)('reads spread over the standbys: %s', async (policy) => {
    await using own = open(setUp.cluster, { policy });
    await own.ready({ standbys: 2 });
    const counts = new Map<string, number>();
    const someReads = async () => {
      const results = await Promise.all(Array.from({ length: 6 }, () => own.read.query('select 1')));
      for (const { node } of results) counts.set(node, (counts.get(node) ?? 0) + 1);
    };
    for (let round = 0; round < 10; round++) await someReads();
    if (policy === 'round-robin') expect([...counts.values()]).toEqual([30, 30]);
    // Dice, and which standby was slow for a moment, leave room: but each has its share before long.
    const haveTheirShare = () => counts.size === 2 && Math.min(...counts.values()) >= 5;
    await waitUntil(async () => haveTheirShare() || someReads().then(haveTheirShare), {
      what: 'reads to go to each standby',
    });
    expect([...counts.keys()].sort()).toEqual(standbyNames(setUp.cluster));
  });

  it('a standby that was slow once takes part again', async () => {
    await using own = open(setUp.cluster, { policy: 'p2c' });
    await own.ready({ standbys: 2 });
    const [slow] = standbyNames(setUp.cluster);
    await own.with({ node: slow, target: 'standby' }).query('select pg_sleep(0.05)');
    const counts = new Map<string, number>();
    await waitUntil(
      async () => {
        const { node } = await own.read.query('select 1');
        counts.set(node, (counts.get(node) ?? 0) + 1);
        return (counts.get(slow ?? '') ?? 0) >= 20;
      },
      { what: 'reads to go there again' },
    );
  });

  it.each([
    ['any', ['standby', 'primary']],
    ['read-write', ['primary']],
    ['read-only', ['standby']],
    ['primary', ['primary']],
    ['standby', ['standby']],
    ['prefer-standby', ['standby']],
    ['prefer-primary', ['primary']],
  ] as const)('with({ target: %j }) goes where it says', async (target, roles) => {
    const part = setUp.db.with({ target });
    for (let round = 0; round < 4; round++) {
      const { node } = await part.query('select 1');
      expect(roles).toContain(setUp.db.nodes().find((one) => one.name === node)?.role);
    }
  });

  it('with options can be narrowed further, and by node and lag', async () => {
    const [name] = standbyNames(setUp.cluster);
    const part = setUp.db.with({ target: 'standby' }).with({ node: name });
    for (let round = 0; round < 4; round++) expect((await part.query('select 1')).node).toBe(name);
    await allCaughtUp(setUp.cluster);
    await setUp.db.nextProbe();
    const fresh = await setUp.db.with({ target: 'standby', maxLagBytes: 100_000_000 }).query('select 1');
    expect(standbyNames(setUp.cluster)).toContain(fresh.node);
  });

  it('reads that find no fresh standby fall back to the primary', async () => {
    await using _paused = await pauseAll();
    await setUp.insertItem(901, 1);
    await setUp.db.nextProbe();
    await waitUntil(() =>
      setUp.db.nodes().every((node) => node.role !== 'standby' || (node.lag.bytes ?? 0) > 0),
    );
    const { node } = await setUp.db.with({ target: 'prefer-standby', maxLagBytes: 0 }).query('select 1');
    expect(node).toBe(setUp.primaryName());
  });

  it('a write through db.read fails with 25006 and does not run, also where it fell back to the primary', async () => {
    const onStandby = await rejection(setUp.db.read.query('insert into item values (902)'));
    expect(onStandby).toMatchObject({ code: '25006' });
    const alone = createCluster({ url: setUp.cluster.primary.url, ...PATIENT });
    try {
      const before = await alone.query('insert into item values (903) on conflict do nothing');
      expect(before.node).toBe(setUp.primaryName());
      expect(await rejection(alone.read.query('insert into item values (904)'))).toMatchObject({
        code: '25006',
      });
      expect(
        await rejection(alone.read.transaction((tx) => tx.query('insert into item values (904)'))),
      ).toMatchObject({
        code: '25006',
      });
      expect(await alone.rows('select id from item where id in (902, 904)')).toEqual([]);
      // The connection that refused it writes again for whoever may.
      await alone.query('insert into item values (904)');
      await alone.query('delete from item where id >= 900');
    } finally {
      await alone.close();
    }
  });
});

async function pauseAll(): Promise<AsyncDisposable> {
  const undos = await Promise.all(setUp.cluster.standbys.map((node) => node.pauseReplay()));
  return {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(undos.map((undo) => undo.undo()));
      await allCaughtUp(setUp.cluster);
    },
  };
}
