import {
  type CompiledQuery,
  type ControlConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type KyselyPlugin,
  PostgresDialect,
  type PostgresDialectConfig,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { ROUTING_OPTIONS } from '../call/call-option-names.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { GuestOptions } from '../guests/options.ts';
import { assertOptions } from '../model/option-names.ts';
import { type CreatePoolOptions, createPool } from '../node-postgres/guests.ts';
import type { PgModule } from '../node-postgres/module.ts';

/** Options of {@link herdDialect}: those of a pool, and where reads go. */
export type HerdDialectOptions<P extends PgModule> = CreatePoolOptions<P> & {
  /** The class of `pg-cursor`, which `stream()` needs. */
  readonly cursor?: PostgresDialectConfig['cursor'] | undefined;
  /** Where the queries of {@link herdReads} and read-only transactions go. Default `{ target: 'prefer-standby' }`. */
  readonly reads?: GuestOptions | undefined;
};

/** What Kysely passes along with what it asks for: a signal. */
type Settings = Parameters<Driver['acquireConnection']>[0];
type Place = 'writes' | 'reads';

const PREFER_STANDBY: GuestOptions = Object.freeze({ target: 'prefer-standby' });
/** Queries that may go to a standby, by their identity in Kysely. */
const READS = new WeakSet<object>();

/**
 * A dialect of Kysely over two pools of `pg` on one cluster: one for writes, and one for the queries of {@link herdReads} and for
 * transactions with the access mode `read only`. A query that is aborted is cancelled on the server that runs it.
 * `db.destroy()` ends the pools, and leaves the cluster open.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`, as `createPool` does.
 * @example
 * ```ts
 * const db = new Kysely<Tables>({ dialect: herdDialect(cluster, { pg, max: 20 }) });
 * const reads = db.withPlugin(herdReads());
 * ```
 */
export function herdDialect<P extends PgModule>(cluster: Cluster, options: HerdDialectOptions<P>): Dialect {
  const { cursor, reads = PREFER_STANDBY, ...pool } = options;
  assertOptions('the reads of herdDialect', reads, ROUTING_OPTIONS);
  const dialectAt = (routing: GuestOptions) => {
    const made = createPool(cluster, { ...pool, ...routing } as unknown as CreatePoolOptions<P>);
    return new PostgresDialect({
      pool: made as unknown as Exclude<PostgresDialectConfig['pool'], (...args: never[]) => unknown>,
      ...(cursor === undefined ? {} : { cursor }),
    });
  };
  const writing = dialectAt({});
  const reading = dialectAt(reads);
  return {
    createDriver: () => new RoutedDriver({ writes: writing.createDriver(), reads: reading.createDriver() }),
    createQueryCompiler: () => writing.createQueryCompiler(),
    createAdapter: () => writing.createAdapter(),
    createIntrospector: (db) => writing.createIntrospector(db),
  };
}

/**
 * A plugin that lets the queries of a Kysely with {@link herdDialect} go where its option `reads` says. Inside of a transaction it has no
 * effect. A write fails there with `25006`.
 */
export function herdReads(): KyselyPlugin {
  return {
    transformQuery: ({ node, queryId }) => {
      READS.add(queryId);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}

type Drivers = Readonly<Record<Place, Driver>>;

/** Two drivers of Kysely, of which each statement takes one. */
class RoutedDriver implements Driver {
  readonly #drivers: Drivers;

  constructor(drivers: Drivers) {
    this.#drivers = drivers;
  }

  async init(settings?: Settings): Promise<void> {
    for (const driver of Object.values(this.#drivers)) await driver.init(settings);
  }

  async acquireConnection(settings?: Settings): Promise<DatabaseConnection> {
    return new RoutedConnection(this.#drivers, settings);
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const place: Place = settings.accessMode === 'read only' ? 'reads' : 'writes';
    await this.#drivers[place].beginTransaction(await routed(connection).pin(place), settings);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const { driver, inner } = routed(connection).pinned;
    await driver.commitTransaction(inner);
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const { driver, inner } = routed(connection).pinned;
    await driver.rollbackTransaction(inner);
  }

  async savepoint(connection: DatabaseConnection, ...rest: Rest): Promise<void> {
    const { driver, inner } = routed(connection).pinned;
    await driver.savepoint?.(inner, ...rest);
  }

  async rollbackToSavepoint(connection: DatabaseConnection, ...rest: Rest): Promise<void> {
    const { driver, inner } = routed(connection).pinned;
    await driver.rollbackToSavepoint?.(inner, ...rest);
  }

  async releaseSavepoint(connection: DatabaseConnection, ...rest: Rest): Promise<void> {
    const { driver, inner } = routed(connection).pinned;
    await driver.releaseSavepoint?.(inner, ...rest);
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await routed(connection).release();
  }

  async destroy(): Promise<void> {
    for (const driver of Object.values(this.#drivers)) await driver.destroy();
  }
}

type Rest = Parameters<NonNullable<Driver['savepoint']>> extends [unknown, ...infer R] ? R : never;

function routed(connection: DatabaseConnection): RoutedConnection {
  if (connection instanceof RoutedConnection) return connection;
  throw new TypeError('The connection is not one of herdDialect.');
}

/** A connection as Kysely sees it. A real one is taken when the first statement says where it goes, and kept until the release. */
class RoutedConnection implements DatabaseConnection {
  readonly #drivers: Drivers;
  readonly #settings: Settings;
  readonly #taken = new Map<Place, DatabaseConnection>();
  #pinned: Place | undefined;
  /** The one that runs a statement now. */
  #current: DatabaseConnection | undefined;

  constructor(drivers: Drivers, settings: Settings) {
    this.#drivers = drivers;
    this.#settings = settings;
  }

  /** The connection of the transaction. */
  get pinned(): { readonly driver: Driver; readonly inner: DatabaseConnection } {
    const place = this.#pinned ?? 'writes';
    const inner = this.#taken.get(place);
    if (inner === undefined) throw new Error('No transaction has begun on this connection.');
    return { driver: this.#drivers[place], inner };
  }

  async pin(place: Place): Promise<DatabaseConnection> {
    this.#pinned = place;
    return await this.#take(place);
  }

  async executeQuery<R>(query: CompiledQuery, options?: Settings): Promise<QueryResult<R>> {
    const connection = await this.#connectionFor(query);
    return await connection.executeQuery<R>(query, options);
  }

  async *streamQuery<R>(
    query: CompiledQuery,
    chunkSize: number,
    options?: Settings,
  ): AsyncIterableIterator<QueryResult<R>> {
    const connection = await this.#connectionFor(query);
    yield* connection.streamQuery<R>(query, chunkSize, options);
  }

  async cancelQuery(control: ControlConnectionProvider): Promise<void> {
    await this.#current?.cancelQuery?.(control);
  }

  async killSession(control: ControlConnectionProvider): Promise<void> {
    await this.#current?.killSession?.(control);
  }

  async release(): Promise<void> {
    const taken = [...this.#taken];
    this.#taken.clear();
    for (const [place, inner] of taken) await this.#drivers[place].releaseConnection(inner, this.#settings);
  }

  async #connectionFor(query: CompiledQuery): Promise<DatabaseConnection> {
    const connection = await this.#take(this.#pinned ?? (READS.has(query.queryId) ? 'reads' : 'writes'));
    // Kysely asks for this before the statement has said where it goes.
    await connection.collectSessionInfo?.();
    this.#current = connection;
    return connection;
  }

  async #take(place: Place): Promise<DatabaseConnection> {
    const known = this.#taken.get(place);
    if (known !== undefined) return known;
    const connection = await this.#drivers[place].acquireConnection(this.#settings);
    this.#taken.set(place, connection);
    return connection;
  }
}
