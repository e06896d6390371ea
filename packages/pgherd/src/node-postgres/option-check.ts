import { GUEST_OPTIONS } from '../guests/options.ts';
import { argumentError } from '../model/errors.ts';
import { foreign } from '../model/foreign.ts';
import { nearest } from '../model/nearest.ts';
import { warnProcess } from '../observe/process-warning.ts';
import type { PgConfig } from './config.ts';

/** Options of `pg.Client` and `pg.Pool` that count here, with those of this package. Whether they agree with the cluster is another question. */
const KNOWN: readonly string[] = Object.freeze([
  ...['user', 'database', 'password', 'host', 'port', 'connectionString', 'ssl', 'sslnegotiation', 'stream'],
  ...['connection', 'types', 'options', 'application_name', 'fallback_application_name', 'replication'],
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'query_timeout'],
  ...['connectionTimeoutMillis', 'binary', 'pipeline', 'Promise', 'client_encoding', 'target_session_attrs'],
  ...['max', 'min', 'poolSize', 'idleTimeoutMillis', 'maxUses', 'maxLifetimeSeconds', 'allowExitOnIdle'],
  ...['Client', 'log', 'verify', 'onConnect', 'query', ...GUEST_OPTIONS],
]);

/** Options of `pg` that have no meaning where pgherd dials and logs in, with what to use in their place. */
const WITHOUT_MEANING: Readonly<Record<string, string>> = Object.freeze({
  keepAlive: 'the parameter keepalives of the connection string of the cluster',
  keepAliveInitialDelayMillis: 'the parameter keepalives_idle of the connection string of the cluster',
  enableChannelBinding: 'the parameter channel_binding of the connection string of the cluster',
  scramMaxIterations: "the cluster's option scramMaxIterations",
  connect_timeout: 'connectionTimeoutMillis',
});

/** What may be meant by a name that is none of them: not those that pgherd refuses. */
const MEANT: readonly string[] = Object.freeze(
  KNOWN.filter((name) => name !== 'stream' && name !== 'connection'),
);

/** What is found about one name. */
export type Found = { readonly kind: 'wrong' | 'idle'; readonly name: string; readonly sentence: string };

/** Which findings are refused: every one, those that are nearly the name of an option, or none. */
export type Refused = 'all' | 'wrong' | 'none';

/**
 * Warns, once for each name in the process, of options that have no meaning here, and of names that `pg` would ignore without a word,
 * where they are not refused. A class of clients of the program's own may have further options.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function checkPoolOptions(config: PgConfig, refused: Refused): void {
  for (const { kind, name, sentence } of findingsIn(config)) {
    if (refused === 'all' || refused === kind) throw argumentError(sentence, { argument: name });
    warnProcess(`pg.${name}`, sentence);
  }
}

/** Pure: from the names alone. */
export function findingsIn(config: PgConfig): Found[] {
  return Object.keys(config).flatMap((name): Found[] => {
    if (config[name] === undefined || KNOWN.includes(name)) return [];
    const instead = Object.hasOwn(WITHOUT_MEANING, name) ? WITHOUT_MEANING[name] : undefined;
    if (instead !== undefined) {
      const sentence = `The option ${name} of a pool has no effect, since pgherd opens the connections: use ${instead}.`;
      return [{ kind: 'idle', name, sentence }];
    }
    if (config['Client'] !== undefined) return [];
    const near = nearest(name, MEANT);
    const what = `${foreign(name)} is not an option of a pool`;
    if (near !== undefined) return [{ kind: 'wrong', name, sentence: `${what}; did you mean ${near}?` }];
    return [{ kind: 'idle', name, sentence: `${what} that pg or pgherd has: it has no effect.` }];
  });
}
