import pg from 'pg';
import { messageOf, TestClusterError } from '../errors.ts';
import { PATIENCE_MS } from '../wait.ts';

/** The name under which the kit's own sessions appear in `pg_stat_activity`. */
export const KIT_APPLICATION_NAME = 'pgherd_testing';

/** One row of an answer. */
export type Row = Record<string, unknown>;

/** The superuser's way into one node: at most four sessions, which do not keep the test process alive. */
export class Admin {
  readonly #url: string;
  readonly #name: string;
  #pool: pg.Pool;

  constructor(name: string, url: string) {
    this.#name = name;
    this.#url = url;
    this.#pool = openPool(url);
  }

  /** Runs a statement as superuser; rows as objects. Gives up, and drops the session, after `timeoutMs` (default 60,000). */
  async query(text: string, values: readonly unknown[] = [], timeoutMs = PATIENCE_MS): Promise<Row[]> {
    const query = { text, values: [...values], query_timeout: timeoutMs };
    try {
      const result = await this.#pool.query<Row>(query);
      return result.rows;
    } catch (error) {
      if (error instanceof pg.DatabaseError) throw error;
      throw new TestClusterError(
        `${this.#name} did not answer \`${text}\` within ${timeoutMs} ms: ${messageOf(error)}.`,
        {
          cause: error,
        },
      );
    }
  }

  /** Asks on a session opened for this question: it was forked after everything the postmaster did before. */
  async queryFresh(text: string): Promise<Row[]> {
    return this.withSession(async (query) => query(text));
  }

  /** Runs `fn` on one session of its own. */
  async withSession<T>(fn: (query: (text: string) => Promise<Row[]>) => Promise<T>): Promise<T> {
    const client = new pg.Client(sessionOptions(this.#url));
    client.on('error', () => {});
    try {
      await client.connect();
      return await fn(async (text) => (await client.query<Row>(text)).rows);
    } finally {
      client.end().catch(() => {});
    }
  }

  /** Forgets all sessions: those of a server that is gone must not be used on its successor. */
  reset(): void {
    const old = this.#pool;
    this.#pool = openPool(this.#url);
    old.end().catch(() => {});
  }

  /** Closes all sessions. */
  close(): void {
    this.#pool.end().catch(() => {});
  }
}

function sessionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: KIT_APPLICATION_NAME,
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
    // The kit must be able to ask while a test has fenced the server, and never wait for a standby's confirmation.
    options: '-c synchronous_commit=local',
  };
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({ ...sessionOptions(url), max: 4, idleTimeoutMillis: 0, allowExitOnIdle: true });
  pool.on('error', () => {});
  return pool;
}
