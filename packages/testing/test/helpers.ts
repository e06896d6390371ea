import pg from 'pg';
import type { TestCluster } from '../src/index.ts';

/** Runs statements as the ordinary role over one connection. */
export async function withClient<T>(
  url: string,
  fn: (client: pg.Client) => Promise<T>,
  connectTimeoutMs = 5_000,
): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  client.on('error', () => {});
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await Promise.race([client.end(), new Promise((resolve) => setTimeout(resolve, 100).unref())]);
  }
}

/** Makes all nodes run, without faults, following one primary. */
export async function restore(cluster: TestCluster): Promise<void> {
  for (const node of cluster.nodes) await node.thaw();
  if (cluster.primary.state === 'stopped') await cluster.primary.start();
  for (const node of cluster.standbys) {
    const [row] = node.state === 'running' ? await node.sql('select pg_is_in_recovery() as standby') : [];
    if (!row?.['standby']) await node.rejoin();
  }
  await cluster.waitForStreaming();
}

/** Whether a process exists and is not a zombie's shell. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
