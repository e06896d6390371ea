import { createRequire } from 'node:module';
import { join } from 'node:path';
// Named types: a declaration for `require` may not rely on a default export.
import type { ClientConfig, Client as PgClient, Pool as PgPool, PoolConfig } from 'pg';
import type { GuestOptions } from '../guests/options.ts';
import type { HerdModuleOptions } from '../node-postgres/guests.ts';
import { swappedClasses } from '../node-postgres/import-swap.ts';
import { requirePg } from './pg-module.cjs';

export type { GuestOptions } from '../guests/options.ts';
export { herdStream } from '../guests/stream.ts';
export {
  type ConfigOf,
  type CreatePoolOptions,
  createPool,
  type HerdModuleOptions,
  herdClient,
  pgherdModule,
  type SharingOptions,
} from '../node-postgres/guests.ts';
export type { PgModule } from '../node-postgres/module.ts';

/** A bundle that is an ES module has no `require` of its own: what stays outside of it is found beside the program. */
function findPg(): unknown {
  try {
    return requirePg();
  } catch (error) {
    const [, program] = process.argv;
    for (const place of [program, join(process.cwd(), 'program')]) {
      try {
        if (place !== undefined) return createRequire(place)('pg');
      } catch {
        // The first error says what is missing.
      }
    }
    throw error;
  }
}

/** Of the program's `pg`; where it is missing, whatever is made of them throws. */
const classes = swappedClasses(findPg);

/**
 * `pg.Pool` for a cluster that its own options describe: a connection string with several hosts, and `target_session_attrs`. Pools and
 * clients with the same hosts, user, password, database and TLS share one cluster in the process, which is closed when the last of
 * them has ended. Otherwise as what {@link createPool} makes.
 *
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`; PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used, or if `pg` is
 * missing or too old (8.16 is the oldest, and pg-pool 3.10).
 * @example
 * ```ts
 * import { Pool } from 'pgherd/pg';
 *
 * const pool = new Pool({ connectionString: 'postgres://app@db1,db2,db3/shop' });
 * const reads = new Pool({ connectionString: 'postgres://app@db1,db2,db3/shop?target_session_attrs=prefer-standby' });
 * ```
 */
export const Pool: new (config?: PoolConfig & HerdModuleOptions) => PgPool =
  classes.Pool as unknown as new () => PgPool;
/** The type of a {@link Pool}. */
export type Pool = PgPool;

/** `pg.Client` for a cluster that its own options describe, as of {@link Pool}. */
export const Client: new (config?: string | (ClientConfig & GuestOptions)) => PgClient =
  classes.Client as unknown as new () => PgClient;
/** The type of a {@link Client}. */
export type Client = PgClient;
