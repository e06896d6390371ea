import pg from 'pg';
import { PATIENCE_MS } from '../wait.ts';

/** The rows of a statement on a connection of its own. */
export async function rowsOf(
  url: string,
  text: string,
  values: readonly unknown[],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
