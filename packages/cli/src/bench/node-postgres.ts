import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { ConnectionPlan, PlannedHost } from 'pgherd/dsn';

/** A pool of node-postgres on one server, as far as a load test needs it. */
export interface PgPool {
  query(text: string, values: readonly unknown[]): Promise<unknown>;
  end(): Promise<void>;
}

/** Where the pool is to connect to. */
export interface PgServer {
  readonly plan: ConnectionPlan;
  readonly host: PlannedHost;
  /** As it was typed, if it was asked for. */
  readonly password: string | undefined;
  /** Whether pgherd's connection to the server is encrypted: then this one is as well, and verified in the same way. */
  readonly isEncrypted: boolean;
  readonly max: number;
}

/**
 * A pool of the program's own `pg`, on the same server as pgherd, with the same login and limits.
 * @throws Error if `pg` is not installed.
 */
export async function openPgPool({ plan, host, password, isEncrypted, max }: PgServer): Promise<PgPool> {
  const { default: pg } = await import('pg').catch((error: unknown) => {
    throw new Error('--compare pg needs the package pg. Install it: npm install pg.', { cause: error });
  });
  const secret = plan.password ?? host.password;
  const pool = new pg.Pool({
    host: host.hostaddr ?? host.host,
    port: host.port,
    user: plan.user,
    database: plan.database,
    password: password ?? secret?.reveal(),
    ssl: isEncrypted ? tlsOf(plan, host) : false,
    application_name: 'pgherd-cli',
    max,
  });
  // A connection that is lost while it is idle is no error of a call.
  pool.on('error', () => undefined);
  return pool as unknown as PgPool;
}

function tlsOf({ tls }: ConnectionPlan, { host }: PlannedHost): ConnectionOptions {
  const fileOf = (path: string | undefined) =>
    path === undefined || path === 'system' ? undefined : readFileSync(path, 'utf8');
  return {
    servername: host,
    rejectUnauthorized: tls.verify !== 'none',
    ca: fileOf(tls.rootCert),
    cert: fileOf(tls.cert),
    key: fileOf(tls.key),
    ...(tls.verify === 'full' ? {} : { checkServerIdentity: () => undefined }),
  };
}
