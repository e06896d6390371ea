import type { TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { type BenchClient, portOf, WRITE } from './client.ts';
import { versionsOf } from './versions.ts';

/** Limits that a careful program sets, ms: for connecting to a host, for an answer, between two looks at all hosts. */
const CONNECT_MS = 1_000;
const ANSWER_MS = 2_000;
const PAUSE_MS = 100;
/** How long a call waits for a host that takes writes, ms. */
const PATIENCE_MS = 10_000;
/** What the server answers to a write if it is a standby. */
const READ_ONLY = '25006';

/**
 * What programs write around `pg` that have several hosts: a pool on the host that says it is no standby; after an error which says that
 * this may have changed, another look at all hosts. Errors reach the caller; nothing is run again.
 */
export function openByHand(cluster: TestCluster): BenchClient {
  const urls = cluster.nodes.map((node) => node.url);
  let current: Promise<pg.Pool> | undefined;
  let isClosed = false;
  const leave = async (pool: Promise<pg.Pool>) => {
    if (current === pool) current = undefined;
    await (await pool).end();
  };
  return {
    version: versionsOf('pg'),
    write: async (id) => {
      current ??= poolOnPrimary(urls, () => isClosed);
      const pool = current;
      pool.catch(() => {
        if (current === pool) current = undefined;
      });
      try {
        return portOf((await (await pool).query<{ port: number }>(WRITE, [id])).rows);
      } catch (error) {
        if (saysNothingOfTheHost(error)) throw error;
        void leave(pool).catch(() => undefined);
        throw error;
      }
    },
    close: async () => {
      isClosed = true;
      if (current !== undefined) void leave(current).catch(() => undefined);
    },
  };
}

async function poolOnPrimary(urls: readonly string[], isClosed: () => boolean): Promise<pg.Pool> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUpAt && !isClosed()) {
    for (const connectionString of urls) {
      if (!(await takesWrites(connectionString))) continue;
      const limits = { connectionTimeoutMillis: CONNECT_MS, query_timeout: ANSWER_MS };
      const pool = new pg.Pool({ connectionString, ...limits });
      pool.on('error', () => undefined);
      return pool;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`no host takes writes, looked for ${PATIENCE_MS} ms`);
}

async function takesWrites(connectionString: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
    return rows[0]?.standby === false;
  } catch {
    return false;
  } finally {
    void client.end().catch(() => undefined);
  }
}

/** A reply of the server about the statement, other than that it does not write. */
function saysNothingOfTheHost(error: unknown): boolean {
  const isReply = error instanceof pg.DatabaseError && error.severity === 'ERROR';
  return isReply && error.code !== READ_ONLY;
}
