import { createTestCluster, type TestCluster } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { described, nameOf, open, rejection } from '../../src/support.ts';

/** As many as it takes for both clusters to be started on a busy machine. */
const LONG_MS = 2 * PATIENCE_MS;

describe('a foreign server in the list', () => {
  let ours: TestCluster;
  let foreign: TestCluster;
  beforeAll(async () => {
    ours = await createTestCluster({ standbys: 1 });
    // Clusters of one version come from one template, and share its system identifier.
    foreign = await createTestCluster({ version: 15 });
  }, LONG_MS);
  afterAll(async () => {
    await Promise.all([ours?.close(), foreign?.close()]);
  });

  const urlOf = (hosts: readonly string[]) => `postgresql://app:app@${hosts.join(',')}/app`;

  async function systemOf(cluster: TestCluster): Promise<string> {
    const [row] = await cluster.primary.sql('select system_identifier::text as id from pg_control_system()');
    return String(row?.['id']);
  }

  it('bars no majority: the primary of more than half of the servers takes the writes', async () => {
    const hosts = [foreign.primary, ...ours.nodes].map(nameOf);
    await using db = open(ours, { url: urlOf(hosts) });
    expect((await db.query('select 1 as one')).node).toBe(nameOf(ours.primary));
    expect(described(db, foreign.primary).standing).toBe('foreign');
  });

  it('beside one of ours: no writes, and the call does not wait to say so', async () => {
    const hosts = [foreign.primary, ours.primary].map(nameOf);
    // It would be the end of the test if the call waited for it.
    await using db = open(ours, { url: urlOf(hosts), waitTimeoutMs: 2 * LONG_MS });
    const error = await rejection(db.query('select 1 as one'));
    expect(error).toMatchObject({ code: 'PGHERD_FOREIGN_CLUSTER' });
    for (const system of [await systemOf(ours), await systemOf(foreign)])
      expect(String(error)).toContain(system);
  });

  it('alone, while ours is pinned: the call does not wait either', async () => {
    await using db = open(foreign, { systemIdentifier: await systemOf(ours), waitTimeoutMs: 2 * LONG_MS });
    expect(await rejection(db.query('select 1 as one'))).toMatchObject({ code: 'PGHERD_FOREIGN_CLUSTER' });
  });
});
