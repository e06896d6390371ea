import { createTestCluster, waitUntil } from '@pgherd/testing';
import { expect, it } from 'vitest';
import { nameOf, open, restore } from '../../src/support.ts';

it('health says in one word, with reasons, what of a cluster serves', async () => {
  await using cluster = await createTestCluster({ standbys: 1 });
  await using db = open(cluster);
  expect(db.health()).toMatchObject({
    status: 'down',
    reasons: expect.arrayContaining(['no node serves anything']),
  });
  await db.ready({ primaries: 1, standbys: 1 });
  const up = db.health();
  expect(up).toMatchObject({ status: 'up', reasons: [] });
  expect(up.nodes).toContainEqual({
    node: nameOf(cluster.primary),
    role: 'primary',
    health: 'ok',
    standing: 'current',
    reason: undefined,
  });
  expect(Number.isNaN(Date.parse(up.since))).toBe(false);

  const [standby] = cluster.standbys;
  await standby?.kill();
  await waitUntil(() => db.health().status === 'degraded', { what: 'the loss of the standby to be seen' });
  const degraded = db.health();
  expect(degraded.reasons.join()).toContain(`${nameOf(standby)} is `);
  expect(Date.parse(degraded.since)).toBeGreaterThanOrEqual(Date.parse(up.since));

  await cluster.primary.kill();
  await waitUntil(() => db.health().status === 'down', { what: 'the loss of the primary to be seen' });
  expect(db.health().reasons.join()).toContain('writes wait');

  await restore(cluster);
  await waitUntil(() => db.health().status === 'up', { what: 'the cluster to be whole' });
  expect(JSON.parse(JSON.stringify(db.health()))).toMatchObject({ status: 'up', reasons: [] });
  await db.close();
  expect(() => db.health()).toThrow(expect.objectContaining({ code: 'PGHERD_CLOSED' }));
});
