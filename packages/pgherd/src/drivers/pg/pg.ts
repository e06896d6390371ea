import type { Client, ClientConfig } from 'pg';
import type { ConnectionListener, ConnectRequest, Driver } from '../../connection/port.ts';
import { PgHerdError } from '../../model/errors.ts';
import { connectWithTls, learntAddresses } from '../../wire/connect.ts';
import { PG_CAPABILITIES } from './capabilities.ts';
import { cannotBind, clientConfig } from './config.ts';
import { PgConnection } from './connection.ts';
import { type LaneParts, laneResources } from './lane-inside.ts';

export type { Driver } from '../../connection/port.ts';

/** The module `pg`, as far as the adapter needs it. */
export interface PgModule extends LaneParts {
  readonly Client: new (config: ClientConfig) => Client;
}

/** Options of {@link pgDriver}. */
export interface PgDriverOptions {
  /** The module to use, where `import('pg')` would find another copy than yours. */
  readonly pg?: PgModule | undefined;
}

/**
 * Driver for [node-postgres](https://node-postgres.com). It is the default where no driver is given.
 *
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { pgDriver } from 'pgherd/pg';
 * const db = createCluster({ url: process.env.DATABASE_URL, driver: pgDriver() });
 * ```
 */
export function pgDriver(options: PgDriverOptions = {}): Driver<Client> {
  const learnt = learntAddresses();
  const resources = laneResources();
  let loading: Promise<PgModule> | undefined;
  const load = () => {
    loading ??= options.pg === undefined ? importPg(() => import('pg')) : Promise.resolve(options.pg);
    return loading;
  };
  return Object.freeze({
    name: 'pg',
    capabilities: PG_CAPABILITIES,
    async connect(request: ConnectRequest, listener: ConnectionListener, signal: AbortSignal) {
      const module = await load();
      signal.throwIfAborted();
      return connectWithTls({
        request,
        signal,
        learnt,
        cannotBind,
        create: (socket, bind) => {
          const client = new module.Client(clientConfig(request, socket, bind));
          return new PgConnection(client, listener, module, resources);
        },
      });
    },
  });
}

/**
 * Loads `pg` by the given import.
 * @throws PgHerdError `PGHERD_DRIVER_MISSING` where the package is not installed.
 */
export async function importPg(load: () => Promise<unknown>): Promise<PgModule> {
  try {
    const module = (await load()) as { default?: PgModule } & PgModule;
    return module.default ?? module;
  } catch (cause) {
    throw new PgHerdError(
      'PGHERD_DRIVER_MISSING',
      'The package "pg" could not be loaded. Install it (npm install pg), or pass another driver to createCluster.',
      { cause },
    );
  }
}
