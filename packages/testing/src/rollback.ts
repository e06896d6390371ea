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

/** Anything that runs a function in a transaction, which is rolled back if the function fails: a cluster of pgherd. */
export interface RollbackRunner<Transaction> {
  transaction(fn: (tx: Transaction) => Promise<void>): Promise<unknown>;
}

/**
 * Runs `fn` in a transaction that is rolled back at the end, whatever happens: the test leaves nothing in the database. Returns what `fn`
 * returned. With a pool one of its clients is lent for the duration.
 *
 * @example
 * await inRollback(db, async (tx) => {
 *   await tx.query('insert into users default values');
 * });
 */
export function inRollback<Transaction, T>(
  db: RollbackRunner<Transaction>,
  fn: (tx: Transaction) => Promise<T>,
): Promise<T>;
export function inRollback<Client extends RollbackClient, T>(
  clientOrPool: Client | RollbackPool<Client>,
  fn: (client: Client) => Promise<T>,
): Promise<T>;
export async function inRollback<Client extends RollbackClient, T>(
  given: Client | RollbackPool<Client> | RollbackRunner<Client>,
  fn: (client: Client) => Promise<T>,
): Promise<T> {
  if ('transaction' in given) return thrownAway(given, fn);
  if (!isPool(given)) return rolledBack(given, fn);
  const client = await given.connect();
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

/** Ends a transaction that worked, so that it is rolled back. */
class RollBack extends Error {
  override readonly name = 'RollBack';
}

async function thrownAway<Transaction, T>(
  db: RollbackRunner<Transaction>,
  fn: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let result: { readonly value: T } | undefined;
  const end = new RollBack('The test is over, and what it wrote is rolled back.');
  try {
    await db.transaction(async (tx) => {
      result = { value: await fn(tx) };
      throw end;
    });
  } catch (error) {
    if (error === end && result !== undefined) return result.value;
    throw error;
  }
  throw end;
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
