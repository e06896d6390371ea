import type { TestCluster, TestNode } from '@pgherd/testing';
import pg from 'pg';
import { type BenchClient, portOf, WRITE } from './client.ts';

/**
 * Polls every millisecond, which is too often outside of a benchmark, and returns when the server has left
 * recovery.
 */
const WAIT_FOR_PROMOTION = `DO $$ DECLARE bound timestamptz := clock_timestamp() + interval '60 seconds';
BEGIN WHILE pg_is_in_recovery() AND clock_timestamp() < bound LOOP
PERFORM pg_sleep(0.001); COMMIT; END LOOP; END $$`;

/**
 * No client but the floor under all of them: it knows the servers, has one open connection to each, and waits
 * on each standby for the promotion. What it takes to write is the servers' own time.
 */
export function openFloor(cluster: TestCluster): BenchClient {
  const clients: pg.Client[] = [];
  const connected = async (node: TestNode): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: node.url });
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  };
  let primary = connected(cluster.primary);
  for (const node of cluster.standbys) {
    void connected(node)
      .then(async (client) => {
        await client.query(WAIT_FOR_PROMOTION);
        primary = Promise.resolve(client);
      })
      .catch(() => undefined);
  }
  return {
    write: async (id) => portOf((await (await primary).query(WRITE, [id])).rows),
    close: async () => {
      for (const client of clients) void client.end().catch(() => undefined);
    },
  };
}
