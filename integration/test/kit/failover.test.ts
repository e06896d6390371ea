import { breakCluster, disagreements, startLoad } from '@pgherd/testing';
import { clusterTest } from '@pgherd/testing/vitest';
import { createCluster } from 'pgherd';
import { describe, expect } from 'vitest';

const test = clusterTest({
  standbys: 2,
  proxy: true, // for faults of the network
  synchronous: { commit: 'on', any: 1 }, // so that a failover loses no acknowledged write
  prepare: async ({ url }) => {
    await using db = createCluster(url);
    await db.query('create table journal (id int)'); // no key: what ran twice must show
  },
});

describe.each([
  'primary killed',
  'primary frozen',
  'primary cut off',
  'switchover',
] as const)('%s', (fault) => {
  test('loses no acknowledged write, and runs none twice', async ({ cluster }) => {
    await using db = createCluster(cluster.url);
    await db.query('truncate journal');
    await using load = startLoad({
      write: (id) => db.query('insert into journal values ($1)', [id]),
      read: () => db.read.query('select count(*) from journal'),
    });

    await load.acknowledged(); // calls succeed
    await breakCluster(cluster, fault);
    await load.acknowledged(); // and succeed again
    await load.stop();

    const stored = await cluster.primary.appSql('select id from journal');
    expect(
      disagreements(
        load.books,
        stored.map((row) => Number(row['id'])),
      ),
    ).toEqual([]);
    expect([...load.failedReads, ...load.failedWrites]).toEqual([]);
    console.log(`${fault}: no acknowledged write for ${Math.round(load.longestGapMs)} ms`);
  });
});
