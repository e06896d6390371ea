import { createTestCluster } from '@pgherd/testing';
import { createCluster } from 'pgherd';
import { expect, it } from 'vitest';
import { nameOf } from '../../src/support.ts';

it('a failover is gone through with tokens over verified TLS, and every session is encrypted', async () => {
  await using cluster = await createTestCluster({
    standbys: 2,
    auth: 'scram-sha-256',
    tls: { required: true },
    synchronous: { commit: 'on', any: 1 },
  });
  const hosts = cluster.nodes.map(nameOf).join(',');
  let asked = 0;
  await using db = createCluster({
    url: `postgresql://app@${hosts}/app?sslmode=verify-full&sslrootcert=${cluster.tls.rootCertFile}&channel_binding=require`,
    env: {},
    probe: { intervalMs: 200 },
    waitTimeoutMs: 60_000,
    password: async () => {
      asked += 1;
      return { password: 'app', expiresAtMs: Date.now() + 50 };
    },
  });
  await db.query('create table journal (id int primary key)');
  await db.query('insert into journal values (1)');
  const before = nameOf(cluster.primary);
  await cluster.primary.kill();
  // Sent before the loss is noticed its outcome would be unknown.
  const writing = db.query('insert into journal values (2) on conflict do nothing', [], { idempotent: true });
  await cluster.failover();
  const { node } = await writing;
  expect(node).toBe(nameOf(cluster.primary));
  expect(node).not.toBe(before);
  expect(await db.rows('select id from journal order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(asked).toBeGreaterThan(3);
  const [plain] = await cluster.primary.sql(
    "select count(*)::int as count from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'app' and not ssl",
  );
  expect(plain).toEqual({ count: 0 });
});
