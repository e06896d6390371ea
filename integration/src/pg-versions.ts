import { createRequire } from 'node:module';
import pg from 'pg';

const require = createRequire(import.meta.url);

/** A module of the shape of `pg` with another pool, which knows its own client. */
function withPool(name: string): typeof pg {
  const PgPool = require(name) as new (options?: object, Client?: typeof pg.Client) => pg.Pool;
  class BoundPool extends PgPool {
    constructor(options?: object) {
      super(options, pg.Client);
    }
  }
  return { ...pg, Pool: BoundPool } as unknown as typeof pg;
}

/** The oldest `pg` that is supported, the newest, and the newest with each minor version of pg-pool since 3.10. */
export const PG_VERSIONS: readonly (readonly [string, typeof pg])[] = Object.freeze([
  ['pg', pg],
  ['pg 8.16', require('pg-oldest') as typeof pg],
  ['pg-pool 3.10', withPool('pg-pool-3-10')],
  ['pg-pool 3.11', withPool('pg-pool-3-11')],
  ['pg-pool 3.12', withPool('pg-pool-3-12')],
  ['pg-pool 3.13', withPool('pg-pool-3-13')],
]);
