import type { Driver } from '../connection/port.ts';
import { PG_CAPABILITIES } from '../drivers/pg/capabilities.ts';

/**
 * The driver for `pg`, loaded with the first connection, so that programs with another driver never load it.
 * If the package is missing, the first call fails with `PGHERD_DRIVER_MISSING`.
 */
export function defaultDriver(): Driver {
  let loaded: Promise<Driver> | undefined;
  return Object.freeze({
    name: 'pg',
    capabilities: PG_CAPABILITIES,
    async connect(...args: Parameters<Driver['connect']>) {
      loaded ??= import('../drivers/pg/pg.ts').then((module) => module.pgDriver());
      return (await loaded).connect(...args);
    },
  });
}
