import type { TestNode } from '@pgherd/testing';
import pg from 'pg';

/** Runs a statement in the application's database of this server, without waiting for standbys. */
export async function inApp(node: TestNode, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    connectionString: node.directUrl,
    options: '-c synchronous_commit=local',
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    client.end().catch(() => undefined);
  }
}
