import type { Cluster } from '../cluster/cluster.ts';
import type { GuestOptions } from '../guests/options.ts';
import { portFor } from '../guests/options.ts';
import { invalidArgument } from '../model/errors.ts';
import { bind } from './binding.ts';
import { clientClass } from './client.ts';
import { configOf } from './config.ts';
import { type PgModule, pgOf } from './module.ts';
import { checkPoolOptions } from './option-check.ts';
import { type PoolParts, poolClass } from './pool.ts';

/** What a class of `pg` takes, as far as it is an object. */
export type ConfigOf<C> = C extends new (config?: infer T) => object ? Extract<T, object> : object;

/** How a pool runs `pool.query()`. */
export interface SharingOptions {
  /**
   * `shared`: single statements go by the cluster's own connections, as `db.query` does: many at a time on each, run again where that is
   * safe. Words such as BEGIN are then refused in `pool.query()`. Default: each goes over a client of the pool.
   */
  readonly query?: 'shared' | undefined;
}

/** How strict a pool is about its own options. */
export interface StrictOptions {
  /**
   * Whether an option that has no effect here, such as `keepAlive`, is refused instead of warned of. What is nearly the name of an option
   * is refused in any case. Default `false`.
   */
  readonly strict?: boolean | undefined;
}

/** Options of {@link createPool}: the module `pg`, the nodes, and every option of `pg.Pool`. */
export type CreatePoolOptions<P extends PgModule> = { readonly pg: P } & SharingOptions &
  StrictOptions &
  GuestOptions &
  ConfigOf<P['Pool']>;

/** Options of {@link pgherdModule}. */
export type HerdModuleOptions = SharingOptions & GuestOptions;

/**
 * A class of clients that extends `pg.Client`, for libraries that make their clients themselves. Each leads to a node that suits
 * `target`, which pgherd finds, dials and logs in to. User, password, database and TLS are the cluster's: options that say
 * something else are refused when a client is made.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used, or if `pg` is missing or too old (8.16 is the oldest).
 * @example
 * ```ts
 * const Client = herdClient(pg, db);
 * const client = new Client();
 * client.on('notification', ({ payload }) => console.log(payload));
 * await client.connect();
 * await client.query('listen news');
 * ```
 */
export function herdClient<P extends PgModule>(
  pg: P,
  cluster: Cluster,
  options: GuestOptions = {},
): P['Client'] {
  const loaded = pgOf(pg);
  portFor(cluster, options);
  const routing = Object.freeze({ ...options });
  return clientClass(loaded, loaded.Client, (given) => bind(given, cluster, routing), false) as P['Client'];
}

/**
 * A pool that extends the program's `pg.Pool`, whose connections lead to nodes that suit `target`. `pg` does the pooling, with its
 * events, counters and limits. A new connection waits for a node at most `connectionTimeoutMillis`, or the cluster's `waitTimeoutMs`; a
 * client whose node has lost the role or has become suspect is never handed out; idle ones end. An `error` without a listener ends
 * neither pool nor process.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that contradict the cluster or cannot be used, or if `pg` is missing or too
 * old (8.16 is the oldest, and pg-pool 3.10).
 * @example
 * ```ts
 * import pg from 'pg';
 * import { createCluster } from 'pgherd';
 * import { createPool } from 'pgherd/pg';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const pool = createPool(db, { pg, max: 20 });
 * const reads = createPool(db, { pg, target: 'prefer-standby' });
 * ```
 */
export function createPool<P extends PgModule>(
  cluster: Cluster,
  options: CreatePoolOptions<P>,
): InstanceType<P['Pool']> {
  const { pg, strict = false, ...config } = options;
  const loaded = pgOf(pg);
  if (typeof strict !== 'boolean') throw invalidArgument('strict', strict, 'true or false');
  checkPoolOptions(config, strict ? 'all' : 'wrong');
  const Pool = poolClass(loaded, (given) => partsFor(given, cluster, {}));
  return new Pool(config) as InstanceType<P['Pool']>;
}

/**
 * The module `pg` with `Pool` and `Client` that lead to the cluster, for options such as `driver`, `dialectModule`, `pgModule` or `pg` of
 * other libraries. Everything else is the module's own. A `target_session_attrs` in a connection string or among the options of a pool
 * wins over `options.target`.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used, or if `pg` is missing or too old (8.16 is the oldest).
 * @example
 * ```ts
 * const knex = Knex({ client: class extends PgClient { _driver() { return pgherdModule(pg, db); } } });
 * ```
 */
export function pgherdModule<P extends PgModule>(
  pg: P,
  cluster: Cluster,
  options: HerdModuleOptions = {},
): P {
  const loaded = pgOf(pg);
  const { query, ...routing } = options;
  assertSharing(query);
  portFor(cluster, routing);
  Object.freeze(routing);
  const parts: PropertyDescriptorMap = { ...Object.getOwnPropertyDescriptors(loaded) };
  const Client = clientClass(loaded, loaded.Client, (given) => bind(given, cluster, routing), false);
  const Pool = poolClass(loaded, (given) => partsFor(given, cluster, routing, query));
  const module = Object.create(Object.getPrototypeOf(loaded), parts) as object;
  const own = { Client, Pool, native: undefined, default: module };
  for (const [name, value] of Object.entries(own))
    Object.defineProperty(module, name, {
      value,
      enumerable: name !== 'default',
      configurable: true,
      writable: true,
    });
  return module as P;
}

/** What a pool is made of whose options were passed to `new Pool`. */
function partsFor(
  given: unknown,
  cluster: Cluster,
  routing: GuestOptions,
  sharing?: SharingOptions['query'],
): PoolParts {
  return { ...bind(given, cluster, routing), shares: sharesQueries(given, sharing) };
}

/** Whether the options of a pool ask for shared connections. */
export function sharesQueries(given: unknown, otherwise?: SharingOptions['query']): boolean {
  const query = configOf(given)['query'] ?? otherwise;
  assertSharing(query);
  return query === 'shared';
}

function assertSharing(query: unknown): void {
  if (query !== undefined && query !== 'shared') throw invalidArgument('query', query, "'shared'");
}
