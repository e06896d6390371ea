import { createTestCluster, waitUntil } from '@pgherd/testing';
import { expect, it } from 'vitest';
import { createTable, nameOf, open } from '../../src/support.ts';

/** Half of it is enough for the primary to be called late, and the rest for the promotion to be seen, milliseconds. */
const TIMEOUT_MS = 12_000;

it('standbys are watched while the primary owes an answer, so that a promotion is seen before its silence is proven', async () => {
  await using cluster = await createTestCluster({ standbys: 1 });
  await createTable(cluster, 'journal', 'id int');
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('a standby is needed');
  await using db = open(cluster, { probe: { intervalMs: 200, timeoutMs: TIMEOUT_MS } });
  await db.ready({ primaries: 1, standbys: 1 });
  await db.query('insert into journal values (0)');
  // The pool took over the monitor's first connection: it is another one that will owe an answer.
  await db.nextProbe();
  const health: string[] = [];
  db.on('node:health-changed', ({ node, after }) => health.push(`${node} ${after}`));
  await using _frozen = await cluster.primary.freeze();
  const write = db.query('insert into journal values (1)').catch((error: unknown) => error);
  const polls = `select 1 from pg_stat_activity where query like 'DO $pgherd$%' and state = 'active'`;
  await waitUntil(async () => (await standby.sql(polls)).length > 0, { what: 'the standby to be watched' });
  const promoted = new Promise<string | undefined>((resolve) => {
    db.on('primary:changed', ({ after }) => resolve(after), { once: true });
  });
  await standby.promote();
  expect(await promoted).toBe(nameOf(standby));
  expect(health).toEqual([]);
  await write;
  expect((await db.query('insert into journal values (2)')).node).toBe(nameOf(standby));
});
