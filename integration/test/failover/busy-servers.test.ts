import { createTestCluster, type TestCluster, type TestNode } from '@pgherd/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { expectNoAlarm } from '../../src/alarms.ts';
import { JOURNAL } from '../../src/invariants.ts';
import { createTable } from '../../src/support.ts';

describe('servers without a processor to spare', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await createTestCluster({ standbys: 2 });
    await createTable(cluster, 'journal', JOURNAL);
  });
  afterAll(() => cluster?.close());

  it('raise no alarm: 200 sessions that compute', async () => {
    const clients: pg.Client[] = [];
    try {
      await expectNoAlarm(cluster, async (load) => {
        const work = await computing(cluster.nodes, 200, clients);
        await load.acknowledged(100);
        await load.served(100);
        await work;
        await load.acknowledged();
      });
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });
});

/** Sessions that only compute, for three seconds; gives a promise, inside a list, of their end. */
async function computing(
  nodes: readonly TestNode[],
  count: number,
  clients: pg.Client[],
): Promise<readonly [Promise<unknown>]> {
  for (let index = 0; index < count; index++) {
    const node = nodes[index % nodes.length];
    const client = new pg.Client({ connectionString: node?.directUrl });
    clients.push(client);
    await client.connect();
  }
  const text = `do $$ declare ends timestamptz := clock_timestamp() + interval '3 s'; begin
    while clock_timestamp() < ends loop end loop; end $$`;
  return [Promise.all(clients.map((client) => client.query(text)))];
}
