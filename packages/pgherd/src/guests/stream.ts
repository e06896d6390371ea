import type { Duplex } from 'node:stream';
import type { Cluster } from '../cluster/cluster.ts';
import { Facade } from './facade.ts';
import { type GuestOptions, portFor } from './options.ts';
import { usualNames } from './usual-names.ts';

/**
 * Makes `pg` a guest of a cluster: what is returned is the option `stream` of `pg.Pool` and `pg.Client`, together with `ssl: false`.
 * Each connection goes to a node that suits `target` (default: the cluster's, `read-write`), which pgherd finds, dials and logs in
 * to; user, password, database and TLS are the cluster's. It ends when its node loses the role or falls silent.
 *
 * What `pg` runs on it gets no lanes, retries, outcomes or causal reads. Listen to the pool's event `error`, as always with `pg`.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
 * @example
 * ```ts
 * import pg from 'pg';
 * import { createCluster } from 'pgherd';
 * import { herdStream } from 'pgherd/pg';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const pool = new pg.Pool({ stream: herdStream(db), ssl: false });
 * pool.on('error', (error) => console.error(error));
 * const { rows } = await pool.query('select now()');
 * ```
 */
export function herdStream(cluster: Cluster, options: GuestOptions = {}): () => Duplex {
  const port = portFor(cluster, options);
  const parts = { port, routing: Object.freeze({ ...options }), usual: usualNames() };
  return () => new Facade(parts);
}
