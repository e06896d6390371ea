import type { TestNode } from '@pgherd/testing';
import pg from 'pg';

/** Rows of a statement in the database of the tests, by the ordinary role, at the server itself. */
export async function inApp(
  { directUrl }: Pick<TestNode, 'directUrl'>,
  text: string,
  values: unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: directUrl });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text, values);
    return rows;
  } finally {
    await client.end();
  }
}
