import type { Duplex } from 'node:stream';
import type { Cluster } from '../cluster/cluster.ts';
import { argumentError } from '../model/errors.ts';
import { warnProcess } from '../observe/process-warning.ts';
import { Facade } from './facade.ts';
import { dieInTwoSteps } from './farewell.ts';
import { type GuestOptions, portFor } from './options.ts';

export type { GuestOptions } from './options.ts';

/** Options for `postgres()`. */
export interface HerdOptions {
  /** Takes the place of a socket. */
  readonly socket: () => Duplex;
  readonly ssl: false;
  /** One name, for the messages of postgres.js only. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: string;
}

/** What postgres.js makes of its options, as far as it contradicts a guest; it passes them to `socket`. */
interface GivenOptions {
  readonly ssl?: unknown;
  readonly target_session_attrs?: unknown;
}

/** The error for options that postgres.js cannot connect with; a warning for one that makes it leave where it should stay. */
function contradictionIn({ ssl, target_session_attrs: attrs }: GivenOptions = {}): Error | undefined {
  if (attrs)
    warnProcess(
      'postgres-js.target_session_attrs',
      'postgres.js with target_session_attrs (an option, or the variable PGTARGETSESSIONATTRS) asks each connection for its role, and ' +
        'leaves it: take the option away, and use herdOptions(cluster, { target }).',
    );
  if (!ssl) return undefined;
  return argumentError(
    "postgres.js has the option ssl, but the connection to the server is pgherd's: take it away, and set sslmode in the connection " +
      'string of the cluster.',
    { argument: 'ssl' },
  );
}

/**
 * Makes postgres.js a guest of a cluster: what is returned are options for `postgres()`, to which your own are added. Each connection
 * goes to a node that suits `target` (default: the cluster's, `read-write`), which pgherd finds, dials and logs in to; user,
 * password, database and TLS are the cluster's. It ends when its node loses the role or falls silent.
 *
 * What postgres.js runs on it gets no lanes, retries, outcomes or causal reads. Leave out its option `target_session_attrs`, and
 * the variable PGTARGETSESSIONATTRS: it would ask, and leave again; the process is warned of it. With its option `ssl` each call fails.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for options that cannot be used.
 * @example
 * ```ts
 * import { createCluster } from 'pgherd';
 * import { herdOptions } from 'pgherd/postgres-js';
 * import postgres from 'postgres';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const sql = postgres({ ...herdOptions(db), max: 10 });
 * const rows = await sql`select now()`;
 * ```
 */
export function herdOptions(cluster: Cluster, options: GuestOptions = {}): HerdOptions {
  const port = portFor(cluster, options);
  const parts = {
    port,
    routing: Object.freeze({ ...options }),
    usual: [],
    farewell: (facade: Facade, error: Error) => dieInTwoSteps(port.clock, facade, error),
  };
  return {
    socket: (given?: GivenOptions) => new Facade({ ...parts, refusal: contradictionIn(given) }),
    ssl: false,
    host: 'pgherd',
    port: 5432,
    user: port.user,
    database: port.database,
    password: '',
  };
}
