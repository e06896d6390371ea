import type { Cluster } from 'pgherd';

/** What a server says of its clients. */
export interface ServerLoad {
  /** Connections of all clients to all its databases, and how many it may have. */
  readonly connections: { readonly used: number; readonly max: number };
  /** Transactions of all clients that have ended since its statistics began. */
  readonly transactions: number;
}

/** From `pg_stat_database`, which every role may read. */
const LOAD = `select sum(numbackends)::int as used, pg_catalog.current_setting('max_connections')::int as max,
    sum(xact_commit + xact_rollback)::float8 as transactions
  from pg_catalog.pg_stat_database`;

/** Asks every server that answers; by the name of the node, without those that gave no answer in time. */
export async function loadOfServers(
  db: Pick<Cluster, 'nodes' | 'with'>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ServerLoad>> {
  const reachable = db.nodes().filter(({ health, aliasOf }) => health === 'ok' && aliasOf === undefined);
  const asked = await Promise.all(
    reachable.map(async ({ name }): Promise<readonly [string, ServerLoad] | undefined> => {
      try {
        const verbs = db.with({ node: name, target: 'any', timeoutMs, signal });
        const { used, max, transactions } = await verbs.one<LoadRow>(LOAD);
        return [name, { connections: { used, max }, transactions }];
      } catch {
        // Such as a node that is not believed, and so gets no statement: its row has the reason.
        return undefined;
      }
    }),
  );
  return new Map(asked.filter((one) => one !== undefined));
}

interface LoadRow {
  readonly used: number;
  readonly max: number;
  readonly transactions: number;
}
