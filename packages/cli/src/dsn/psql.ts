import type { ConnectionPlan, ParameterOrigin, PlannedHost } from 'pgherd/dsn';

/** What psql would do differently with the same connection, one sentence each. */
export type Differences = readonly string[];

/** Parameters of libraries for Node.js, which libpq refuses. */
const NOT_OF_LIBPQ: ReadonlySet<string> = new Set([
  'pgbouncer',
  'schema',
  'connection_limit',
  'pool_timeout',
  'sslaccept',
  'uselibpqcompat',
  'socket_timeout',
  'statement_cache_size',
  'max_connection_lifetime',
  'max_idle_connection_lifetime',
  'single_use_connections',
  'supa',
  'workaround',
]);

interface Facts {
  readonly plan: ConnectionPlan;
  /** The same with libpq's port rule. */
  readonly likePsql: ConnectionPlan;
  readonly names: readonly string[];
}

/** A rule: the sentence if psql would do something else, else `undefined`. */
type Rule = (facts: Facts) => string | undefined;

const RULES: readonly Rule[] = [
  ({ names }) => {
    const refused = names.filter((name) => NOT_OF_LIBPQ.has(name));
    return refused.length === 0
      ? undefined
      : `psql refuses the connection string: it does not know ${refused.join(', ')}.`;
  },
  ({ plan }) =>
    plan.tls.mode === 'no-verify'
      ? 'psql refuses sslmode=no-verify; its name for that is require.'
      : undefined,
  ({ plan, likePsql }) => {
    const [ours, theirs] = [plan, likePsql].map(({ hosts }) => hosts.map(placeOf).join(', '));
    return ours === theirs
      ? undefined
      : `psql reads the ports differently: ${theirs}. Write each host with its port.`;
  },
  ({ plan }) =>
    plan.hosts.length < 2
      ? undefined
      : `psql keeps one connection, to the first of the ${plan.hosts.length} servers that suits; pgherd watches all of them.`,
  ({ plan }) =>
    plan.targetStated
      ? undefined
      : 'psql takes any server (target_session_attrs=any); pgherd asks for one that takes writes (read-write).',
  ({ plan }) =>
    plan.connectTimeoutMs === undefined
      ? 'psql waits for a server without limit; pgherd for 5 s (connect_timeout).'
      : undefined,
  ({ plan }) =>
    plan.tls.mode === 'verify-full' && plan.tls.rootCert === undefined
      ? 'psql needs ~/.postgresql/root.crt for sslmode=verify-full; without it, pgherd uses the authorities of Node.js.'
      : undefined,
];

/** Compares with psql. Pure. */
export function differencesFromPsql(
  plan: ConnectionPlan,
  likePsql: ConnectionPlan,
  origins: readonly ParameterOrigin[],
): Differences {
  const facts: Facts = { plan, likePsql, names: origins.map(({ name }) => name) };
  return RULES.map((rule) => rule(facts)).filter((sentence) => sentence !== undefined);
}

/** `host:port`, as in a URL; an IPv6 address in brackets. */
export function placeOf({ host, port }: Pick<PlannedHost, 'host' | 'port'>): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
