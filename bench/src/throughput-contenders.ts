import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { createCluster } from 'pgherd';
import { Pool as ImportSwapped } from 'pgherd/pg';
import postgres from 'postgres';
import { PEER_PROGRAMS } from './peer-programs.ts';
import type { Contender } from './throughput-load.ts';
import { type Arrangement, NAP, SELECT, UPDATE, type Work } from './throughput-works.ts';

/** Where the servers are. */
export interface Servers {
  /** URL of all nodes. */
  readonly cluster: string;
  readonly primary: string;
}

/** Connections that every contender may have to a server. */
export const CONNECTIONS = 10;

/** Those that are held against others. */
export const SUBJECTS = Object.freeze(['pgherd', 'pgherd lanes off'] as const);
export type SubjectName = (typeof SUBJECTS)[number];

/** Those they are held against. */
export const PEERS = Object.freeze([
  'pg.Pool',
  'pg.Pool named',
  'postgres.js',
  'limit',
  'pgherd/pg',
  ...PEER_PROGRAMS.map(({ name }) => name),
  'pgbench',
  'pgherd one node',
] as const);
export type PeerName = (typeof PEERS)[number];

/** Peers of a plain run; the others are measured when they are named. */
export const USUAL_PEERS: readonly PeerName[] = Object.freeze([
  'pg.Pool',
  'pg.Pool named',
  'postgres.js',
  'limit',
  'pgbench',
  'pgherd one node',
]);

/** Peers that run one statement a call and are not set up for more. */
const PLAIN: readonly PeerName[] = ['pgherd/pg', ...PEER_PROGRAMS.map(({ name }) => name), 'pgbench'];

/** pgherd of another checkout. */
export const OTHER_BUILD = 'other build';

export type ContenderName = SubjectName | PeerName;

/**
 * Whether the pair is measured at this work: scaling over standbys is our own affair, lanes off stand beside
 * the pool.
 */
export function isPair(subject: SubjectName, peer: PeerName, work: Work): boolean {
  if (work === 'transaction' && peer === 'limit') return false;
  if (PLAIN.includes(peer)) return subject === 'pgherd' && (work === 'select' || work === 'update');
  if (work.startsWith('skew') && peer !== 'pg.Pool' && peer !== 'postgres.js') return false;
  if (work === 'read' || peer === 'pgherd one node')
    return subject === 'pgherd' && work === 'read' && peer === 'pgherd one node';
  return subject === 'pgherd' || (peer === 'pg.Pool' && work !== 'mix');
}

/**
 * Opens a contender the way its users do; `arrangement` returns what the limit consists of when it is called.
 */
export async function openContender(
  name: ContenderName,
  servers: Servers,
  arrangement: () => Arrangement,
): Promise<Contender> {
  switch (name) {
    case 'pgbench':
    case 'aws wrapper':
    case 'hasql':
    case 'psycopg':
    case 'pgx':
    case 'pgjdbc':
      throw new Error(`${name} is no library of Node.js: it is run as a program`);
    case 'pgherd/pg':
      return openPool(servers.cluster, ImportSwapped);
    case 'pgherd':
      return openPgherd(servers.cluster);
    case 'pgherd one node':
      return openPgherd(servers.primary);
    case 'pgherd lanes off':
      return openPgherd(servers.cluster, { lanes: false });
    case 'pg.Pool':
      return openPool(servers.primary);
    case 'pg.Pool named':
      return openPoolNamed(servers.primary);
    case 'postgres.js':
      return openPostgresJs(servers.primary);
    case 'limit':
      return openLimit(servers.primary, arrangement);
    default:
      return name satisfies never;
  }
}

/**
 * The pgherd of another checkout of this repository, which has been built there.
 * @throws Error when it has not.
 */
export async function openBuild(directory: string, servers: Servers): Promise<Contender> {
  const { createCluster: create } = (await import(buildOf(directory))) as typeof import('pgherd');
  return openPgherd(servers.cluster, {}, create);
}

/** URL of the library in a checkout. */
export function buildOf(directory: string): string {
  return pathToFileURL(join(directory, 'packages/pgherd/dist/index.js')).href;
}

/** As in its README: no names, no tuning. */
function openPgherd(
  url: string,
  options: { readonly lanes?: false } = {},
  create: typeof createCluster = createCluster,
): Contender {
  const db = create({ url, ...options });
  const standby = db.read;
  return {
    check: async (id) => Number((await db.query(SELECT, [id])).rows[0]?.['id']),
    select: (id) => db.query(SELECT, [id]),
    update: (id) => db.query(UPDATE, [id]),
    transaction: (one, other) =>
      db.transaction(async (tx) => {
        await tx.query(UPDATE, [one]);
        await tx.query(UPDATE, [other]);
      }),
    read: (id) => standby.query(SELECT, [id]),
    nap: () => db.query(NAP),
    run: (text, values) => db.query(text, values),
    close: () => db.close(),
  };
}

function openPool(url: string, Pool: new (config: pg.PoolConfig) => pg.Pool = pg.Pool): Contender {
  const pool = new Pool({ connectionString: url, max: CONNECTIONS });
  return {
    check: async (id) => (await pool.query<{ id: number }>(SELECT, [id])).rows[0]?.id ?? 0,
    select: (id) => pool.query(SELECT, [id]),
    update: (id) => pool.query(UPDATE, [id]),
    transaction: (one, other) => inTransaction(pool, (client, id) => client.query(UPDATE, [id]), one, other),
    read: (id) => pool.query(SELECT, [id]),
    nap: () => pool.query(NAP),
    run: (text, values) => pool.query(text, [...values]),
    close: () => pool.end(),
  };
}

function openPoolNamed(url: string): Contender {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS });
  const select = (id: number) =>
    pool.query<{ id: number }>({ name: 'bench-select', text: SELECT, values: [id] });
  return {
    check: async (id) => (await select(id)).rows[0]?.id ?? 0,
    select,
    update: (id) => pool.query({ name: 'bench-update', text: UPDATE, values: [id] }),
    transaction: (one, other) =>
      inTransaction(
        pool,
        (client, id) => client.query({ name: 'bench-update', text: UPDATE, values: [id] }),
        one,
        other,
      ),
    read: select,
    nap: () => pool.query({ name: 'bench-nap', text: NAP }),
    run: (text, values) => pool.query(text, [...values]),
    close: () => pool.end(),
  };
}

/** As in the documentation of `pg`. */
async function inTransaction(
  pool: pg.Pool,
  update: (client: pg.PoolClient, id: number) => Promise<unknown>,
  ...ids: readonly number[]
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    for (const id of ids) await update(client, id);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

/** It prepares and pipelines by itself. */
function openPostgresJs(url: string): Contender {
  const sql = postgres(url, { max: CONNECTIONS, onnotice: () => undefined });
  const select = (id: number) => sql<{ id: number }[]>`select id, n, label from bench where id = ${id}`;
  return {
    check: async (id) => (await select(id))[0]?.id ?? 0,
    // Its statements run once they are awaited: here by the caller.
    select,
    update: (id) => sql`update bench set n = n + 1 where id = ${id}`,
    transaction: (one, other) =>
      sql.begin(async (tx) => {
        await tx`update bench set n = n + 1 where id = ${one}`;
        await tx`update bench set n = n + 1 where id = ${other}`;
      }),
    read: select,
    nap: () => sql`select pg_sleep(0.05)`,
    run: (text, values) => sql.unsafe(text, values as never[], { prepare: true }),
    close: () => sql.end(),
  };
}

interface Lane {
  readonly client: pg.Client;
  /** The socket under the protocol, which no type mentions. */
  readonly stream: { cork(): void; uncork(): void };
  corked: boolean;
}

/**
 * What could be written by hand if the work is known in advance: prepared statements, pipelined over a few
 * clients.
 */
async function openLimit(url: string, arrangement: () => Arrangement): Promise<Contender> {
  const lanes = await Promise.all(Array.from({ length: CONNECTIONS }, () => openLane(url)));
  let turn = 0;
  const send = (name: string, text: string, values: unknown[]) => {
    const { lanes: count, cork } = arrangement();
    turn = (turn + 1) % count;
    const lane = lanes[turn];
    if (lane === undefined) throw new Error(`there are no ${count} lanes`);
    if (cork && !lane.corked) corkForThisTick(lane);
    return lane.client.query({ name, text, values });
  };
  return {
    check: async (id) => Number((await send('bench-select', SELECT, [id])).rows[0]?.id),
    select: (id) => send('bench-select', SELECT, [id]),
    update: (id) => send('bench-update', UPDATE, [id]),
    transaction: () => Promise.reject(new Error('its connections are shared')),
    read: (id) => send('bench-select', SELECT, [id]),
    nap: () => send('bench-nap', NAP, []),
    run: () => Promise.reject(new Error('its statements are known in advance')),
    close: () => Promise.all(lanes.map((lane) => lane.client.end())),
  };
}

async function openLane(url: string): Promise<Lane> {
  const client = new pg.Client({ connectionString: url, pipeline: true });
  await client.connect();
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Lane['stream'] } })
    .connection;
  return { client, stream, corked: false };
}

/** What is sent before the next tick leaves in one write. */
function corkForThisTick(lane: Lane): void {
  lane.corked = true;
  lane.stream.cork();
  process.nextTick(() => {
    lane.corked = false;
    lane.stream.uncork();
  });
}
