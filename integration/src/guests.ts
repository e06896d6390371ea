import { createRequire } from 'node:module';
import pg from 'pg';
import type { Cluster } from 'pgherd';
import { createPool, type GuestOptions, herdStream } from 'pgherd/pg';
import { herdOptions } from 'pgherd/postgres-js';
import postgres from 'postgres';

/** One row. */
export type Row = Record<string, unknown>;
/** Runs one statement with values. */
export type Run = (text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** A foreign client with its own pool, as the tests need it, whichever it is. */
export interface GuestClient extends AsyncDisposable {
  readonly run: Run;
  /** Runs `fn` in one transaction of the client's own. */
  transaction(fn: (run: Run) => Promise<void>): Promise<void>;
}

/** How the client is made. */
export interface GuestSettings extends GuestOptions {
  readonly max?: number | undefined;
  readonly applicationName?: string | undefined;
}

/** Makes a guest of a cluster. */
export type MakeGuest = (db: Cluster, settings?: GuestSettings) => GuestClient;

function overStream(client: typeof pg): MakeGuest {
  return (db, { max = 4, applicationName, ...options } = {}) => {
    const stream = herdStream(db, options);
    const pool = new client.Pool({ stream, ssl: false, max, application_name: applicationName });
    // As every program with pg must: an idle connection that ends is reported there.
    pool.on('error', () => undefined);
    return overPg(pool, 'listens');
  };
}

/** A pool of `createPool`, which never listens to errors. */
export function poolGuest(client: typeof pg, query?: 'shared'): MakeGuest {
  return (db, { max = 4, applicationName, ...options } = {}) =>
    overPg(createPool(db, { pg: client, query, max, application_name: applicationName, ...options }), 'deaf');
}

/** A pool of `pg`. One that is `deaf` never listens to errors. */
function overPg(pool: pg.Pool, errors: 'listens' | 'deaf'): GuestClient {
  const noted = (): void => undefined;
  return {
    run: async (text, values = []) => (await pool.query<Row>(text, [...values])).rows,
    transaction: async (fn) => {
      const one = await pool.connect();
      if (errors === 'listens') one.on('error', noted);
      try {
        await one.query('begin');
        await fn(async (text, values = []) => (await one.query<Row>(text, [...values])).rows);
        await one.query('commit');
        one.release();
      } catch (error) {
        one.release(true);
        throw error;
      } finally {
        one.off('error', noted);
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

type Unsafe = Pick<postgres.Sql, 'unsafe'>;

function runOver(sql: Unsafe): Run {
  return async (text, values = []) => {
    const rows = await sql.unsafe(text, [...values] as never[], { prepare: true });
    return [...rows] as Row[];
  };
}

function overPostgresJs(client: typeof postgres): MakeGuest {
  return (db, { max = 4, applicationName, ...options } = {}) => {
    const sql = client({
      ...herdOptions(db, options),
      max,
      connection: applicationName === undefined ? {} : { application_name: applicationName },
      onnotice: () => undefined,
      // postgres.js itself does not catch it if a connection ends while it fetches them.
      fetch_types: false,
    });
    return {
      run: runOver(sql),
      transaction: async (fn) => {
        await sql.begin((tx) => fn(runOver(tx)));
      },
      [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }),
    };
  };
}

const oldest = createRequire(import.meta.url)('pg-oldest') as typeof pg;

/** The guests by their names: the newest of each client, and the oldest of pg that is supported. */
export const GUESTS: readonly (readonly [string, MakeGuest])[] = Object.freeze([
  ['pg', overStream(pg)],
  ['pg 8.16', overStream(oldest)],
  ['the pool', poolGuest(pg)],
  ['the pool of pg 8.16', poolGuest(oldest)],
  ['postgres.js', overPostgresJs(postgres)],
]);

/** How many connections the guests of a cluster have. */
export function guestCount(db: Cluster): number {
  return db.stats().total.guests;
}
