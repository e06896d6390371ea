import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectNoAlarm } from '../../src/alarms.ts';
import { JOURNAL } from '../../src/invariants.ts';
import { createTable } from '../../src/support.ts';

describe('slow is not dead', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2 });
    await createTable(cluster, 'journal', JOURNAL);
  });
  afterAll(() => cluster?.close());

  it('our own event loop blocked for 1.5 s', async () => {
    await expectNoAlarm(cluster, async (load) => {
      for (let times = 0; times < 2; times++) {
        const until = performance.now() + 1_500;
        while (performance.now() < until);
        await load.acknowledged();
        await load.served();
      }
    });
  });

  it.each([1_000, 2_000, 3_000])('all nodes paused for %i ms', async (ms) => {
    await expectNoAlarm(cluster, async (load) => {
      await cluster.pause(ms);
      await load.acknowledged();
      await load.served();
    });
  });
});
