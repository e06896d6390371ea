import { appendFileSync } from 'node:fs';
import { createTestDatabase } from '@pgherd/testing';
import { clusterTest, databaseTest } from '@pgherd/testing/vitest';
import pg from 'pg';

export { createTestDatabase };

/** Notes for the test that runs this project. */
export function note(fact: object): void {
  appendFileSync(process.env['PROJECT_NOTES'] ?? '', `${JSON.stringify(fact)}\n`);
}

async function prepare({ url }: { url: string }): Promise<void> {
  note({ prepared: url });
  const { host, port, pathname } = new URL(url.replace(/,[^/]*/, ''));
  const client = new pg.Client(`postgres://app:app@${host}${pathname}`);
  await client.connect();
  await client.query(
    `create table animal (name text primary key); insert into animal values ('ox'), ('${port}')`,
  );
  await client.end();
}

/** A database of its own for each file. */
export const withDatabase = databaseTest({ prepare });

/** Servers of its own for each file. */
export const withCluster = clusterTest({ standbys: 1, prepare });
