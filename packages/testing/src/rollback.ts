/** Anything that runs a statement on one connection: a `pg` client, or one taken from a pool. */
export interface RollbackClient {
  query(text: string): Promise<unknown>;
}

/** Anything that lends such a client: a `pg.Pool`. */
export interface RollbackPool<Client extends RollbackClient> {
  connect(): Promise<Client & { release(error?: Error | boolean): void }>;
  /** Tells a pool from a client, which has `connect` too. */
  readonly totalCount: number;
}

/**
 * Runs `fn` in a transaction that is rolled back at the end, whatever happens: the test leaves nothing in the database. Returns what `fn`
 * returned. With a pool one of its clients is lent for the duration.
 *
 * @example
 * await inRollback(pool, async (client) => {
 *   await client.query('insert into users default values');
 * });
 */
export async function inRollback<Client extends RollbackClient, T>(
  clientOrPool: Client | RollbackPool<Client>,
  fn: (client: Client) => Promise<T>,
): Promise<T> {
  if (!isPool(clientOrPool)) return rolledBack(clientOrPool, fn);
  const client = await clientOrPool.connect();
  let broken = true;
  try {
    const result = await rolledBack(client, fn, () => {
      broken = false;
    });
    return result;
  } finally {
    client.release(broken);
  }
}

async function rolledBack<Client extends RollbackClient, T>(
  client: Client,
  fn: (client: Client) => Promise<T>,
  clean?: () => void,
): Promise<T> {
  await client.query('begin');
  try {
    return await fn(client);
  } finally {
    await client.query('rollback');
    clean?.();
  }
}

function isPool<Client extends RollbackClient>(
  value: Client | RollbackPool<Client>,
): value is RollbackPool<Client> {
  return 'totalCount' in value && 'connect' in value;
}
