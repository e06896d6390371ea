/** The process in which memory is measured: one client, nothing else, so that what grows is the client's. */
import { AsyncResource } from 'node:async_hooks';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { collector } from './collect.ts';
import type { MemoryReply, MemoryRequest } from './memory-measure.ts';
import { argumentsOf } from './processes.ts';

const SELECT = 'select id, n, label from bench where id = $1';

/** Runs the work and returns how many bytes each object that it holds needs. */
type Measured = (request: MemoryRequest) => Promise<number>;

const WORKS: Readonly<Record<MemoryRequest['what'], Measured>> = {
  'pg.Client': idleClients,
  'pgherd idle': idleConnections,
  'pgherd queued': queuedInPgherd,
  'pg.Pool queued': queuedInPool,
};

const collect = collector();

/** Bytes of JavaScript and of buffers. What was freed late, such as by finalizers, is waited for. */
async function used(): Promise<number> {
  for (let turn = 0; turn < 4; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * What a client needs whether it has many connections or few is taken off: there are so many before anything
 * counts.
 */
const FEW = 10;

interface Connections {
  /** Opens so many more, which then are idle, having run a statement. */
  more(count: number): Promise<void>;
  close(): Promise<unknown>;
}

/**
 * Bytes for each of the last `count` connections. All has been opened once before, so that the compiler's
 * memory is no part.
 */
async function perConnection(open: (most: number) => Connections, count: number): Promise<number> {
  const first = open(FEW + count);
  await first.more(FEW + count);
  await first.close();
  const connections = open(FEW + count);
  await connections.more(FEW);
  const before = await used();
  await connections.more(count);
  const bytes = (await used()) - before;
  await connections.close();
  return bytes / count;
}

function idleClients({ url, count }: MemoryRequest): Promise<number> {
  const open = () => {
    const clients: pg.Client[] = [];
    const one = async () => {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => undefined);
      clients.push(client);
      await client.connect();
      await client.query(SELECT, [1]);
    };
    return {
      more: async (many: number) => void (await Promise.all(Array.from({ length: many }, one))),
      close: () => Promise.all(clients.map((client) => client.end())),
    };
  };
  return perConnection(open, count);
}

function idleConnections({ url, count }: MemoryRequest): Promise<number> {
  const open = (most: number) => {
    const db = createCluster({ url, pool: { max: most, maxConnecting: most } });
    const more = async (many: number) => {
      // Those that are idle are leased first.
      const wanted = db.stats().total.idle + many;
      const leases = await Promise.all(Array.from({ length: wanted }, () => db.acquire()));
      await Promise.all(leases.map((lease) => lease.query(SELECT, [1])));
      for (const lease of leases) lease.release();
      const { idle } = db.stats().total;
      if (idle !== wanted) throw new Error(`${idle} of ${wanted} are idle`);
    };
    return { more, close: () => db.close() };
  };
  return perConnection(open, count);
}

/** Calls that wait because others hold every connection; in the end each is answered. */
async function queuedInPgherd({ url, count }: MemoryRequest): Promise<number> {
  const db = createCluster({ url, pool: { max: 1, maxWaiting: count }, waitTimeoutMs: 600_000 });
  // By other code: calls of the code that holds a connection do not wait where others do.
  const lease = await new AsyncResource('holder').runInAsyncScope(() => db.acquire());
  const bytes = await queued(count, (id) => db.query(SELECT, [id]));
  lease.release();
  return bytes.after(() => db.close());
}

async function queuedInPool({ url, count }: MemoryRequest): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const client = await pool.connect();
  const bytes = await queued(count, (id) => pool.query(SELECT, [id]));
  client.release();
  return bytes.after(() => pool.end());
}

/** Bytes for each call, what they were given and the promises that the callers hold included. */
async function queued(count: number, call: (id: number) => Promise<{ rows: unknown[] }>) {
  const calls: Promise<{ rows: unknown[] }>[] = new Array(count);
  const before = await used();
  for (let index = 0; index < count; index++) calls[index] = call(1);
  const bytes = ((await used()) - before) / count;
  const after = async (close: () => Promise<void>) => {
    for (const answer of await Promise.all(calls.splice(0))) {
      if (answer.rows.length !== 1) throw new Error('a call that had waited found no row');
    }
    await close();
    return bytes;
  };
  return { after };
}

const request = argumentsOf<MemoryRequest>(process.argv);
WORKS[request.what](request)
  .catch((error: unknown): MemoryReply => ({ failed: String(error) }))
  .then((reply: MemoryReply) => process.send?.(reply, () => process.exit()));
