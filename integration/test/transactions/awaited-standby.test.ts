import { createTestCluster, type TestCluster, waitUntil } from '@pgherd/testing';
import type { Cluster, ClusterEvents } from 'pgherd';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, nameOf, open, rejection, restore } from '../../src/support.ts';

let cluster: TestCluster;
let db: Cluster;

beforeAll(async () => {
  cluster = await createTestCluster({ standbys: 1, synchronous: { commit: 'on', any: 1 } });
  await createTable(cluster, 'kept', 'note text');
  db = open(cluster, { deadAfterMs: 60_000 });
  await db.ready({ primaries: 1, standbys: 1 });
});

afterAll(async () => {
  await db?.close();
  await cluster?.close();
});

describe('commits that wait for a synchronous standby that is gone', () => {
  const insert = 'insert into kept values ($1)';
  const NAMED = {
    message: expect.stringMatching(
      /waits for a synchronous standby \(SyncRep\).*synchronous_standby_names is "ANY 1/,
    ),
    details: { waitsFor: 'synchronous-standby', standbyNames: expect.stringContaining('ANY 1') },
  };

  it('are named as that: in the errors, by an event, and in health, until it confirms them', async () => {
    const events: ClusterEvents['node:commits-waiting'][] = [];
    db.on('node:commits-waiting', (event) => events.push(event));
    await cluster.standbys[0]?.kill();
    // A statement without a limit waits as long as it has to.
    const patient = [
      db.query(insert, ['alone']),
      db.transaction((tx) => tx.query(insert, ['in a transaction'])),
    ];
    await waitUntil(() => events.length > 0, { what: 'the wait to be seen' });
    expect(events).toEqual([
      {
        node: nameOf(cluster.primary),
        sessions: expect.any(Number),
        waitedMs: expect.any(Number),
        standbyNames: expect.stringContaining('ANY 1'),
      },
    ]);
    expect(events[0]?.waitedMs).toBeGreaterThanOrEqual(1_000);
    const health = db.health();
    expect(health.status).toBe('degraded');
    expect(health.reasons.join()).toMatch(
      /commits on .* wait for a synchronous standby, the first for \d+ ms/,
    );

    const limit = { timeoutMs: 5_000 };
    const errors = await Promise.all([
      rejection(db.query(insert, ['with a limit'], limit)),
      rejection(db.transaction((tx) => tx.query(insert, ['in a transaction with a limit']), limit)),
      rejection(db.use((lease) => lease.query(insert, ['on a lease'], limit))),
    ]);
    for (const error of errors) expect(error).toMatchObject(NAMED);
    // A read that takes long is none of them.
    const slow = await rejection(db.query('select pg_sleep(600)', [], { timeoutMs: 2_000 }));
    expect(String(slow)).not.toContain('SyncRep');

    await restore(cluster);
    await Promise.all(patient);
    await waitUntil(() => events.at(-1)?.sessions === 0, { what: 'the end of the wait to be seen' });
    await db.ready({ primaries: 1, standbys: 1 });
    expect(db.health().reasons).toEqual([]);
  });

  it('cost nothing where no standby is waited for: the server is asked once at most', async () => {
    await using single = await createTestCluster({ standbys: 0 });
    const asked = () =>
      single.primary.log.lines().filter(({ line }) => line.includes('string_agg(pid')).length;
    await single.primary.sql("alter system set log_statement = 'all'");
    await single.primary.sql('select pg_reload_conf()');
    await using client = open(single, { probe: { intervalMs: 20 } });
    for (let round = 0; round < 3; round++) await client.query('select pg_sleep(1)');
    await waitUntil(() => asked() > 0, { what: 'the question to be in the log' });
    expect(asked()).toBe(1);
  });
});
