import { loadModule, parseSync } from 'libpg-query';
import { type AutoRouteOptions, autoRouteWith } from '../auto-route/options.ts';
import type { AutoRoute } from '../model/text-route.ts';

export type { AutoRouteOptions } from '../auto-route/options.ts';
export type { AutoRoute, RouterPorts, TextRoute, TextRouter } from '../model/text-route.ts';

const loaded = loadModule().then(() => parseSync);
// A failure is one of the calls, and not of the process.
loaded.catch(() => undefined);

/**
 * Routing by text, for the option `autoRoute` of `createCluster`: `db.auto.query`, and pools with `query: 'shared'`, send statements that
 * only read to standbys, and all others to the primary. Statements are read by PostgreSQL's own parser, `libpg-query`.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { autoRoute } from 'pgherd/auto-route';
 *
 * const db = createCluster({ url: 'postgres://app@db1,db2,db3/shop', autoRoute: autoRoute() });
 * const { rows, node } = await db.auto.query('select * from orders where id = $1', [7]);
 * const { target, why } = await db.auto.explainRoute('select nextval($1)');
 * ```
 */
export function autoRoute(options: AutoRouteOptions = {}): AutoRoute {
  return autoRouteWith(loaded, options);
}
