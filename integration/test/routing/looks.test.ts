import { inspect } from 'node:util';
import { createTestCluster, waitUntil } from '@pgherd/testing';
import type { TopologyDescription } from 'pgherd';
import { expect, it } from 'vitest';
import { nameOf, open } from '../../src/support.ts';

it('what people look at can be printed and written as JSON', async () => {
  await using cluster = await createTestCluster({ standbys: 1 });
  await using db = open(cluster);
  const seen: TopologyDescription[] = [];
  db.on('topology:changed', ({ after }) => void seen.push(after));
  await db.ready({ primaries: 1, standbys: 1 });
  const hasPositions = () => db.nodes().every(({ lsn }) => lsn !== undefined);
  await waitUntil(hasPositions, { what: 'the positions of both nodes' });

  const written = JSON.parse(JSON.stringify(db.topology));
  for (const { lsn } of written.nodes) expect(lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(JSON.parse(JSON.stringify(db.nodes()))).toEqual(written.nodes);
  expect(seen.length).toBeGreaterThan(0);
  for (const topology of seen) expect(() => JSON.stringify(topology)).not.toThrow();

  const node = nameOf(cluster.primary);
  expect(inspect(db)).toMatch(new RegExp(`name: '${node}',\\s+role: 'primary'`));
  await db.transaction(async (tx) => {
    expect(inspect(tx)).toBe(`Transaction { node: '${node}', isOpen: true, attempt: 1 }`);
    expect(JSON.parse(JSON.stringify(tx))).toEqual({ node, isOpen: true, attempt: 1 });
    await tx.transaction((inner) => expect(inspect(inner)).toMatch(/^Savepoint \{ node: /));
  });
  expect(inspect(db.nodes()[0])).toMatch(
    new RegExp(`^Node \\{\\s+name: '${node}',\\s+role: 'primary',\\s+health: 'ok',`),
  );
  expect(inspect(db.topology, { depth: 4 })).toMatch(/^Topology \{\s+version: \d+,/);
  expect(inspect(db.topology, { depth: 4 })).not.toMatch(/undefined|witnesses|Infinity/);
  expect(inspect(db.read)).toBe("Querier { target: 'prefer-standby' }");
  const tenant = db.with({ settings: { 'app.tenant': 'secret one' }, timeoutMs: 5, after: 'secret token' });
  expect(inspect(tenant)).toBe("Querier { timeoutMs: 5, settings: [ 'app.tenant' ] }");
  const subscription = await db.listen('news', () => undefined);
  expect(inspect(subscription)).toBe(`Subscription { channel: 'news', isActive: true, node: '${node}' }`);
  await subscription.unlisten();
  const refused: unknown = await db.query('select * form t').catch((error: unknown) => error);
  expect(inspect(refused)).toMatch(/code: '42601',\s+position: '10',/);
  expect(inspect(refused)).not.toContain('undefined');
  await db.use((lease) => {
    expect(inspect(lease)).toBe(`Lease { node: '${node}', isHeld: true }`);
    expect(JSON.parse(JSON.stringify(lease))).toEqual({ node, isHeld: true });
  });
});
