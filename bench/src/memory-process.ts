/** The process in which memory is measured: one client, nothing else, so that what grows is the client's. */
import pg from 'pg';
import { createCluster } from 'pgherd';
import { collector } from './collect.ts';
import type { MemoryReply, MemoryRequest } from './memory-measure.ts';
import { argumentsOf } from './processes.ts';

const SELECT = 'select id, n, label from bench where id = $1';

/** Runs the work and tells how many bytes are in use when it stands still. */
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

/** Connected, having run a statement, idle. */
async function idleClients({ url, count }: MemoryRequest): Promise<number> {
  const open = async () => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(SELECT, [1]);
    return client;
  };
  const clients = await Promise.all(Array.from({ length: count }, open));
  const bytes = await used();
  await Promise.all(clients.map((client) => client.end()));
  return bytes;
}

async function idleConnections({ url, count }: MemoryRequest): Promise<number> {
  const db = createCluster({ url, pool: { max: count, maxConnecting: count } });
  const leases = await Promise.all(Array.from({ length: count }, () => db.acquire()));
  await Promise.all(leases.map((lease) => lease.query(SELECT, [1])));
  for (const lease of leases.splice(0)) lease.release();
  const bytes = await used();
  if (db.stats().total.idle !== count) throw new Error(`${db.stats().total.idle} of ${count} are idle`);
  await db.close();
  return bytes;
}

/** Calls that wait because others hold every connection; in the end each is answered. */
async function queuedInPgherd({ url, count }: MemoryRequest): Promise<number> {
  const db = createCluster({ url, pool: { max: 1, maxWaiting: count }, waitTimeoutMs: 600_000 });
  const lease = await db.acquire();
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

/** Bytes for all calls, what they were given and the promises that the callers hold included. */
async function queued(count: number, call: (id: number) => Promise<{ rows: unknown[] }>) {
  const calls: Promise<{ rows: unknown[] }>[] = new Array(count);
  const before = await used();
  for (let index = 0; index < count; index++) calls[index] = call(1);
  const bytes = (await used()) - before;
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
