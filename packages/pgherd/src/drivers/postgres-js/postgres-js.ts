import type { Sql } from 'postgres';
import type { ConnectionListener, ConnectRequest, Driver } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { connectWithTls, learntAddresses } from '../../wire/connect.ts';
import { PostgresJsConnection } from './connection.ts';
import type { PostgresJsModule } from './inside.ts';
import type { PostgresJsTypes } from './options.ts';

export type { Driver } from '../../connection/port.ts';
export type { PostgresJsModule } from './inside.ts';
export type { PostgresJsType, PostgresJsTypes } from './options.ts';

/** Options of {@link postgresJsDriver}. */
export interface PostgresJsDriverOptions {
  /** The module to use, where `import('postgres')` would find another copy than yours. */
  readonly postgres?: PostgresJsModule | undefined;
  /**
   * Types as postgres.js takes them: `parse` counts for all results, `serialize` for what goes through tags.
   * Default: none.
   * @example `{ bigint: postgres.BigInt }`
   */
  readonly types?: PostgresJsTypes | undefined;
  /**
   * Whether statements that come again are prepared, and those of tags. Default `true`; behind a pooler they
   * never are.
   */
  readonly prepare?: boolean | undefined;
}

/**
 * Driver for [postgres.js](https://github.com/porsager/postgres), 3.4 or newer. Values are those of `pg`: see
 * docs/drivers.md.
 *
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { postgresJsDriver } from 'pgherd/postgres-js';
 * const db = createCluster({ url: process.env.DATABASE_URL, driver: postgresJsDriver() });
 * ```
 */
export function postgresJsDriver(options: PostgresJsDriverOptions = {}): Driver<Sql> {
  const learnt = learntAddresses();
  let loading: Promise<PostgresJsModule> | undefined;
  const load = () => {
    loading ??=
      options.postgres === undefined
        ? importPostgres(() => import('postgres'))
        : Promise.resolve(options.postgres);
    return loading;
  };
  return Object.freeze({
    name: 'postgres.js',
    capabilities: Object.freeze({
      parameterStatus: true,
      transactionStatus: true,
      cancel: true,
      pipelining: true,
      notifications: true,
    }),
    async connect(request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) {
      if (request.channelBinding === 'require') throw cannotBind();
      const module = await load();
      signal.throwIfAborted();
      const parts = { module, types: options.types ?? {}, prepare: options.prepare ?? true };
      return connectWithTls({
        request: { ...request, channelBinding: 'disable' },
        signal,
        learnt,
        cannotBind: () => false,
        create: (socket) => new PostgresJsConnection(parts, request, socket, listener),
      });
    },
  });
}

/**
 * Loads `postgres` by the given import.
 * @throws PgHerdError `PGHERD_DRIVER_MISSING` where the package is not installed.
 */
async function importPostgres(load: () => Promise<unknown>): Promise<PostgresJsModule> {
  try {
    const module = (await load()) as { default: PostgresJsModule };
    return module.default;
  } catch (cause) {
    throw new PgHerdError(
      'PGHERD_DRIVER_MISSING',
      'The package "postgres" could not be loaded. Install it (npm install postgres), or pass another driver to createCluster.',
      { cause },
    );
  }
}

function cannotBind(): PgHerdError {
  return new PgHerdError(
    'PGHERD_UNSUPPORTED',
    'postgres.js cannot bind the authentication to the TLS channel (channel_binding=require). Use the driver pg, or channel_binding=prefer.',
  );
}
