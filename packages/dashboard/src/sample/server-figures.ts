import type { Cluster } from 'pgherd';

/** What one server says of all its clients. */
export interface ServerFigures {
  /** Transactions of the database in a second; `null` at the first look, and after its statistics were reset. */
  readonly transactions: number | null;
  /** Connections of all clients to all databases. */
  readonly connections: number;
  readonly maxConnections: number;
  /** `host:port` that a standby receives from; `null` for a primary, and if the role may not see it. */
  readonly upstream: string | null;
}

interface Row {
  readonly transactions: number;
  readonly connections: number;
  readonly most: number;
  readonly sender: string | null;
}

interface Look {
  readonly at: number;
  readonly transactions: number;
}

/** Statistics that every role may read; the sender needs `pg_monitor`. */
const LOOK = `select pg_catalog.sum(xact_commit + xact_rollback) filter (where datname = pg_catalog.current_database())::float8 as transactions,
  pg_catalog.sum(numbackends)::int as connections, pg_catalog.current_setting('max_connections')::int as most,
  (select case when sender_host like '%:%' then '[' || sender_host || ']' else sender_host end || ':' || sender_port
    from pg_catalog.pg_stat_wal_receiver) as sender
  from pg_catalog.pg_stat_database`;

/** A server that takes longer has no figures, milliseconds. */
const LOOK_MS = 2_000;

/** Asks each server for its statistics, one small read for each look, and never a second one before the first has ended. */
export class ServerLooks {
  readonly #db: Pick<Cluster, 'nodes' | 'with'>;
  readonly #now: () => number;
  readonly #figures = new Map<string, ServerFigures>();
  readonly #looks = new Map<string, Look>();
  readonly #asking = new Set<string>();

  constructor(db: Pick<Cluster, 'nodes' | 'with'>, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** What is known, by the name of the node. */
  get figures(): ReadonlyMap<string, ServerFigures> {
    return this.#figures;
  }

  /** Asks all servers that work; what they answer is there at the next sample. */
  look(): void {
    const names = this.#db
      .nodes()
      .filter(
        ({ health, standing, aliasOf }) => health === 'ok' && standing === 'current' && aliasOf === undefined,
      )
      .map(({ name }) => name);
    for (const known of [...this.#figures.keys()]) if (!names.includes(known)) this.#forget(known);
    for (const name of names) if (!this.#asking.has(name)) void this.#ask(name);
  }

  async #ask(node: string): Promise<void> {
    this.#asking.add(node);
    try {
      const verbs = this.#db.with({ node, target: 'any', timeoutMs: LOOK_MS });
      this.#note(node, await verbs.one<Row>(LOOK));
    } catch {
      // Its figures are unknown; that it does not answer is shown by the probes.
      this.#forget(node);
    } finally {
      this.#asking.delete(node);
    }
  }

  #note(node: string, { transactions, connections, most, sender }: Row): void {
    const at = this.#now();
    const before = this.#looks.get(node);
    this.#looks.set(node, { at, transactions });
    this.#figures.set(node, {
      transactions: before === undefined ? null : rateOf(before, { at, transactions }),
      connections,
      maxConnections: most,
      upstream: sender,
    });
  }

  #forget(node: string): void {
    this.#figures.delete(node);
    this.#looks.delete(node);
  }
}

function rateOf(before: Look, after: Look): number | null {
  const added = after.transactions - before.transactions;
  // The statistics were reset, or another server answers at this address.
  if (added < 0 || after.at <= before.at) return null;
  return (added * 1_000) / (after.at - before.at);
}
