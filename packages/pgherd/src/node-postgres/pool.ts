import { type Bound, bind, hideSecrets } from './binding.ts';
import { clientClass, doubtAbout, suits } from './client.ts';
import { type Callback, type Pg, type PgClient, unsupportedPg } from './module.ts';
import { SharedQueries } from './shared-queries.ts';

/** What a pool is made of. */
export interface PoolParts extends Bound {
  /** Whether single statements go by the cluster's own connections. */
  readonly shares: boolean;
  /** Called once, when there is a pool. */
  readonly started?: (() => void) | undefined;
  /** Called once, when the pool has ended. */
  readonly ended?: (() => Promise<void> | void) | undefined;
}

/** Details of an error of a connection that ended between two statements, because its node has another role now or is suspect. */
const NOT_HANDED = 'not-handed';

/**
 * A class of pools over the program's `pg.Pool`, which keeps its pooling, events, counters and limits. `partsOf` makes of what was passed
 * to `new Pool` what the pool is made of.
 */
export function poolClass(pg: Pg, partsOf: (given: unknown) => PoolParts): Pg['Pool'] {
  return class Pool extends pg.Pool {
    readonly #shared: SharedQueries | undefined;
    readonly #ended: PoolParts['ended'];

    constructor(given?: unknown) {
      const parts = partsOf(given);
      super({ ...parts.config, Client: pooledClient(pg, parts) });
      if (!('min' in this.options)) throw unsupportedPg('has an older pg-pool');
      hideSecrets(this.options, parts.given);
      parts.started?.();
      this.#ended = parts.ended;
      this.#shared = parts.shares ? new SharedQueries(pg, this, parts.binding) : undefined;
    }

    override connect(callback?: Callback<PgClient>): Promise<PgClient> | undefined {
      if (callback === undefined) return this.#promised();
      super.connect((error, client, release) => {
        if (client === undefined) callback(error, client, release);
        else
          onceKnown(client, (isRight) =>
            isRight ? callback(error, client, release) : this.#again(client, callback),
          );
      });
      return undefined;
    }

    override query(first?: unknown, second?: unknown, third?: unknown): unknown {
      const shared = this.#shared?.run(first, second, third);
      return shared === undefined ? super.query(first, second, third) : asNamed(this, shared());
    }

    override end(callback?: (error?: unknown) => void): Promise<void> | undefined {
      if (this.#shared === undefined && this.#ended === undefined) return super.end(callback);
      const ended = this.#end(super.end());
      if (callback === undefined) return asNamed(this, ended);
      ended.then(() => callback(), callback);
      return undefined;
    }

    /** An error of an idle client ends nothing; that its connection moves to another node is none. */
    override emit(name: string | symbol, ...args: unknown[]): boolean {
      if (name === 'error' && (this.listenerCount('error') === 0 || isDrained(args[0]))) return false;
      return super.emit(name, ...args);
    }

    #promised(): Promise<PgClient> {
      const Own = (this.options['Promise'] ?? Promise) as PromiseConstructor;
      return new Own<PgClient>((resolve, reject) => {
        super.connect((error, client) => {
          const late: Callback<PgClient> = (why, other) =>
            other === undefined ? reject(why) : resolve(other);
          if (client === undefined) reject(error);
          else onceKnown(client, (isRight) => (isRight ? resolve(client) : this.#again(client, late)));
        });
      }).catch(withStackOfCaller);
    }

    /** A client whose node is not the right one any more makes room for another. */
    #again(client: PgClient, callback: Callback<PgClient>): void {
      client.release?.(true);
      this.connect(callback);
    }

    async #end(ending: Promise<void> | undefined): Promise<void> {
      await ending;
      await this.#shared?.settled();
      await this.#ended?.();
    }
  };
}

/** As pg-pool: a promise is of the class that the program named. */
function asNamed<T>(pool: InstanceType<Pg['Pool']>, outcome: Promise<T> | undefined): Promise<T> | undefined {
  const Named = pool.options['Promise'] as PromiseConstructor | undefined;
  if (outcome === undefined || Named === undefined) return outcome;
  return new Named((resolve, reject) => void outcome.then(resolve, reject));
}

/** Passes on whether a client suits: at once, unless its node is just being asked. */
function onceKnown(client: PgClient, fn: (isRight: boolean) => void): void {
  const doubt = doubtAbout(client);
  if (doubt === undefined) fn(suits(client));
  // What the program's callback throws is thrown where nothing catches it, as by pg.
  else void doubt.then(() => process.nextTick(() => fn(suits(client))));
}

/** The clients of a pool lead where the pool does; a class of the program's own extends what it extends. */
function pooledClient(pg: Pg, parts: PoolParts): Pg['Client'] {
  const { binding } = parts;
  const own = parts.given['Client'] as (Pg['Client'] & { readonly Query?: unknown }) | undefined;
  // What is no client of any pg, such as one of a test, dials as it likes.
  if (typeof own === 'function' && own.Query === undefined) return own;
  const Base = typeof own === 'function' ? own : pg.Client;
  return clientClass(pg, Base, (given) => bind(given, binding.cluster, binding.routing), true);
}

/** As pg-pool: the stack leads to the code that waits for the connection, not to the socket. */
function withStackOfCaller(error: unknown): never {
  if (error instanceof Error) Error.captureStackTrace(error);
  throw error;
}

function isDrained(error: unknown): boolean {
  return (error as { details?: { phase?: unknown } } | undefined)?.details?.phase === NOT_HANDED;
}
