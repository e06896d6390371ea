import { appendFileSync } from 'node:fs';
import { useCluster, useDatabase } from '@pgherd/testing/node-test';
import pg from 'pg';

/** Notes for the test that runs this project. */
export function note(fact: object): void {
  appendFileSync(process.env['PROJECT_NOTES'] ?? '', `${JSON.stringify(fact)}\n`);
}

async function prepare({ url }: { url: string }): Promise<void> {
  note({ prepared: url });
  const { host, pathname } = new URL(url.replace(/,[^/]*/, ''));
  const client = new pg.Client(`postgres://app:app@${host}${pathname}`);
  await client.connect();
  await client.query(
    `create table animal (name text primary key); insert into animal values ('ox'), ('hen')`,
  );
  await client.end();
}

/** A database of its own for each file. */
export const databaseOfFile = () => useDatabase({ servers: { standbys: 1 }, prepare });

/** Servers of its own for each file. */
export const clusterOfFile = () => useCluster({ standbys: 1, prepare });
