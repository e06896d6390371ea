import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import { type ClusterEvents, createCluster } from 'pgherd';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PATIENT } from '../../src/support.ts';

const CALLERS = 24;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 2 });
});
afterAll(() => cluster?.close());

// The connections of a killed server end one after another, and a node that fails fast looks idle: a call that is run again
// there would use up its attempts within milliseconds.
it('runs a read of a lost standby again elsewhere, not on the next connection of that standby', async () => {
  const db = createCluster({ url: cluster.url, ...PATIENT });
  const again: ClusterEvents['call:retried'][] = [];
  let [running, answered] = [true, 0];
  const caller = async (): Promise<void> => {
    while (running) {
      await db.read.query('select pg_sleep(0.002)');
      answered++;
    }
  };
  const answers = (more: number): Promise<unknown> => {
    const wanted = answered + more;
    return waitUntil(() => answered >= wanted, { what: `${more} answers` });
  };
  try {
    await db.ready({ standbys: 2 });
    db.on('call:retried', (event) => again.push(event));
    const callers = Promise.all(Array.from({ length: CALLERS }, caller));
    for (const standby of cluster.standbys) {
      await answers(10 * CALLERS);
      await standby.kill();
      await answers(10 * CALLERS);
      await standby.start();
      await db.ready({ standbys: 2 });
    }
    running = false;
    await callers;
    expect(again.length).toBeGreaterThan(0);
    // Leaving the lost node counts as no attempt: a second loss would have been the second one.
    expect(again.filter(({ attempt }) => attempt > 1)).toEqual([]);
  } finally {
    running = false;
    await db.close();
  }
});
