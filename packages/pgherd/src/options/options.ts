import type { Interceptor } from '../call/interceptor.ts';
import type { Discovery } from '../discovery/port.ts';
import type { PasswordFunction } from '../login/credentials.ts';
import type { NodeLoginOptions } from '../login/login.ts';
import type { TlsOptions } from '../login/tls-options.ts';
import type { Target } from '../model/names.ts';
import type { TypeParsers } from '../model/statement.ts';
import type { AutoRoute } from '../model/text-route.ts';
import type { Logger } from '../observe/logger.ts';
import type { RetryVerdict } from '../retry/verdict.ts';
import type { Policy, PolicyName } from '../routing/policies.ts';
import type { Clock, Random } from '../time/port.ts';
import type { ApplicationNameFunction } from './application-name.ts';
import type { Hooks } from './hooks.ts';
import type { SessionLimits, SessionOptions } from './session-settings.ts';

/** The connection pool of each node. */
export interface PoolOptions {
  /** Most connections per node, not counting the monitor's. Default 10. */
  readonly max?: number | undefined;
  /** Connections per node that stay open even if idle. Default 0. */
  readonly min?: number | undefined;
  /** Most calls per node that may wait for a connection; the next one fails at once. Default 10,000. */
  readonly maxWaiting?: number | undefined;
  /** Most connections per node being opened at the same time. Default 4. */
  readonly maxConnecting?: number | undefined;
  /** Idle connections above `min` are closed after this, ms; 0 for never. Default 30,000. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Connections are replaced at this age, ms, less up to a tenth at random; 0 for never. Default 1,800,000.
   */
  readonly maxLifetimeMs?: number | undefined;
  /** Connections are replaced after this many uses; 0 for no limit. Default 0. */
  readonly maxUses?: number | undefined;
  /**
   * Whether an idle connection is tested by a query before use. Default `if-idle`: after `validateAfterMs`.
   */
  readonly validate?: 'always' | 'if-idle' | 'never' | undefined;
  /** How long a connection may be idle before `if-idle` validates it, ms. Default 500. */
  readonly validateAfterMs?: number | undefined;
  /**
   * When a session is reset (`DISCARD ALL`) before its connection is handed on. `auto`: after statements that
   * change the session, and after a lease that called a function of which nothing is known; `always`: after
   * each use; `never`. Default `auto`.
   */
  readonly reset?: 'auto' | 'always' | 'never' | undefined;
  /**
   * A connection that is held for longer is reported by `lease:leaked`, with the code that took it, ms; 0 for
   * never. Default 0.
   */
  readonly leakAfterMs?: number | undefined;
}

/** Lanes: connections that single statements share. */
export interface LaneOptions {
  /** Most statements in flight on one connection. Default 200. */
  readonly maxDepth?: number | undefined;
  /** Most writes among them: this many outcomes are unknown if the connection is lost. Default 16. */
  readonly maxWrites?: number | undefined;
  /**
   * A statement joins those in flight only if they are expected to take no longer than this, ms. Default 2.
   */
  readonly maxQueueMs?: number | undefined;
}

/** The monitors. */
export interface ProbeOptions {
  /** Time between two probes of a healthy node, ms, shortened by up to a quarter at random. Default 1,000. */
  readonly intervalMs?: number | undefined;
  /** How long a probe or a monitor's connection attempt may take, ms. Default 1,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * How often a monitor dials its node anew, by its name, to find out where the name leads now, ms, lengthened by up to a quarter at
   * random; 0 for never. Default 30,000 for names, never for IP addresses and Unix sockets. While calls wait in vain, and when a new
   * connection of the pool leads to another server, monitors dial anew in any case.
   */
  readonly redialMs?: number | undefined;
  /** Whether monitors watch standbys by a server-side long poll while no primary is known. Default `true`. */
  readonly longPoll?: boolean | undefined;
}

/** How often work is run again, and when. */
export interface RetryOptions {
  /**
   * Most attempts of one call, the first included. Leaving a lost node for the first time is not counted.
   * Default 3.
   */
  readonly attempts?: number | undefined;
  /** Longest pause before the second attempt, ms; the pause is random between 0 and this. Default 50. */
  readonly baseMs?: number | undefined;
  /** Growth of the pause with each attempt. Default 2. */
  readonly factor?: number | undefined;
  /** Longest pause of all, ms. Default 2,000. */
  readonly maxMs?: number | undefined;
  /**
   * Most attempts beyond the first that the whole cluster object can save up, so that retries do not make an
   * outage worse. Leaving a lost node for the first time, serialization failures and deadlocks cost nothing.
   * 0 allows no others. Default 100.
   */
  readonly budget?: number | undefined;
  /** Attempts that each answered statement adds to the budget. Default 0.2. */
  readonly budgetRatio?: number | undefined;
  /** Attempts that each second adds to the budget. Default 10. */
  readonly budgetPerSecond?: number | undefined;
  /**
   * Overrides the decision whether work is run again: `true`, `false`, or `undefined` for
   * `verdict.willRetry`. Not called after the call's deadline. Default: none.
   */
  readonly isRetryable?: ((error: unknown, verdict: RetryVerdict) => boolean | undefined) | undefined;
}

/** Facts about one node, which override those of discovery. */
export interface NodeOptions extends NodeLoginOptions {
  /** The zone of the node. Default: what discovery says, else unknown. */
  readonly zone?: string | undefined;
  /** Free labels that calls can ask for with `tags`. Default: what discovery says, else none. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether the node may be written to once it is out of recovery. `false` for a standby that is promoted
   * only to look at old data: then it gets no work, and its timeline fences no other node. Default: what
   * discovery says, else `true`.
   */
  readonly promotable?: boolean | undefined;
  /** Whether the node gets reads as a standby. Default: what discovery says, else `true`. */
  readonly readable?: boolean | undefined;
  /** Its connection pool, as far as it differs from the others. `leakAfterMs` and `reset` exist for all nodes only. */
  readonly pool?: Omit<PoolOptions, 'leakAfterMs' | 'reset'> | undefined;
}

/** How far behind a standby may be. */
export interface LagOptions {
  /**
   * A standby whose data are older gets no reads, ms; nor does one whose lag is unknown. Default: no limit.
   */
  readonly maxMs?: number | undefined;
  /**
   * A standby that lacks more write-ahead log gets no reads, bytes; nor does one whose lag is unknown.
   * Default: no limit.
   */
  readonly maxBytes?: number | undefined;
  /** Whether a standby beyond the limits serves if no other node can. Default `false`: the call waits. */
  readonly allowStale?: boolean | undefined;
}

/** Reads that see the writes before them: `db.causal(fn)` and `after`. */
export interface CausalOptions {
  /**
   * How long a read waits for a standby to replay what it has to see, before it goes to the primary, ms.
   * Default 100.
   */
  readonly waitMs?: number | undefined;
  /** Age at which a token has no effect any more, ms: longer than any standby is behind. Default 60,000. */
  readonly tokenTtlMs?: number | undefined;
  /**
   * Signs tokens, so that clients can carry but not forge them; at least 16 characters. With several, the
   * first one signs and all are accepted, so that it can be rotated. Default: tokens are not signed.
   */
  readonly tokenSecret?: string | readonly string[] | undefined;
}

/** Nodes that are not believed. */
export interface FencingOptions {
  /** As `fencing` without details. Default `strict`. */
  readonly mode?: 'strict' | 'report' | undefined;
  /**
   * How long the nodes that showed the highest timeline out of recovery must have been standbys of the
   * primary again before that primary gets writes, ms; `false` for never. Default 10,000.
   */
  readonly withdrawAfterMs?: number | false | undefined;
}

/** Prepared statements. */
export interface PrepareOptions {
  /**
   * Age at which the name of a prepared statement is given up, so that it is parsed anew, ms; 0 for never. It bounds how long a change
   * of the schema that was made elsewhere can go unseen. Default 30,000.
   */
  readonly maxAgeMs?: number | undefined;
}

/** Hedged reads. */
export interface HedgeOptions {
  /** No read is sent a second time sooner than this, ms. Default 5. */
  readonly minDelayMs?: number | undefined;
}

/** Ejection of nodes that stand out. */
export interface EjectOptions {
  /** How long a node is ejected the first time, ms; each further time it is longer by this. Default 10,000. */
  readonly baseMs?: number | undefined;
  /** Longest ejection, ms. Default 300,000. */
  readonly maxMs?: number | undefined;
}

/** Options of `createCluster`. Every duration is in milliseconds. */
export interface ClusterOptions extends SessionLimits {
  /**
   * Connection string: URL or libpq keywords, several hosts allowed. Default: what the `PG*` variables say.
   */
  readonly url?: string | undefined;
  /** Password, or a function that returns it (such as a token), instead of one in the URL. */
  readonly password?: string | PasswordFunction | undefined;
  /** TLS, which overrides the URL. Default: the URL's. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Statements that take at least so long, all waits and attempts included, are reported as `statement:slow` and in the log as a warning,
   * ms. Default: none are.
   */
  readonly slowQueryMs?: number | undefined;
  /** Functions around every verb, the first outermost; see {@link Interceptor}. Default: none. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /**
   * What `pg_stat_activity` shows as `application_name`: a text, to which monitors append ` monitor`; or a function that names each connection by
   * its node and its purpose. At most 63 bytes, what is longer is cut. Default: the URL's, else `pgherd`.
   */
  readonly applicationName?: string | ApplicationNameFunction | undefined;
  /**
   * What a call asks for unless it says otherwise. Default: the URL's `target_session_attrs`, else
   * `read-write`.
   */
  readonly target?: Target | undefined;
  /** How one of several suitable nodes is picked. Default `p2c`. */
  readonly policy?: PolicyName | Policy | undefined;
  /**
   * With `policy: 'nearest'`: how much longer than those of the nearest node the probes of a node may take for it to count as near, ms.
   * Default 5.
   */
  readonly nearestWindowMs?: number | undefined;
  /**
   * Whether a single read whose answer takes longer than 95 % of the recent ones of its text is sent to a second node as well; the first
   * answer counts. Bounded by `retry.budget`. Default `false`.
   */
  readonly hedge?: boolean | HedgeOptions | undefined;
  /**
   * Whether reads avoid, for a time, a node on which far more calls fail or take far longer than on the others; never more than a third of
   * the nodes. Default `false`.
   */
  readonly eject?: boolean | EjectOptions | undefined;
  /** Time in which a node that came back reaches its full share of the reads, ms; 0 for at once. Default 10,000. */
  readonly slowStartMs?: number | undefined;
  /**
   * Time without any use after which the cluster rests, ms: it closes its connections and watches no node until it is used again. 0 for
   * never, as with `pool.min` above 0. Default 300,000.
   */
  readonly restAfterMs?: number | undefined;
  /** Longest wait of a call for a suitable node and a connection, ms. Default 10,000. */
  readonly waitTimeoutMs?: number | undefined;
  /** Longest duration of a call, all waits and attempts included, ms. Default: none. */
  readonly timeoutMs?: number | undefined;
  /**
   * Longest time to open a connection, authentication included, ms. Default: the URL's `connect_timeout`,
   * else 5,000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /** Silence after which a node is offline without further proof, ms. Default 5,000. */
  readonly deadAfterMs?: number | undefined;
  /** How long the first write, and reads by a second choice, wait for nodes that have not answered yet, ms. Default 500. */
  readonly firstWriteGraceMs?: number | undefined;
  /** How long `close()` waits for leased connections, ms. Default 5,000. */
  readonly drainMs?: number | undefined;
  readonly pool?: PoolOptions | undefined;
  /**
   * How single statements share connections; `false` gives each one a connection of its own. Default: they
   * share.
   */
  readonly lanes?: LaneOptions | false | undefined;
  /**
   * How values of rows are parsed: what has the method `getTypeParser(oid, 'text')`. Default: `types`, which
   * are those of `pg` as well.
   */
  readonly types?: TypeParsers | undefined;
  /** Most iterations of SCRAM that a server may ask for; fewer than 4,096 are always refused. Default 100,000. */
  readonly scramMaxIterations?: number | undefined;
  /** Longest message accepted from a server after the login, bytes. Default 1,073,741,823: the longest there is. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Whether statements that are repeated become named prepared statements. `false` if a pooler forbids it.
   * Default `true`.
   */
  readonly prepare?: boolean | PrepareOptions | undefined;
  /**
   * Settings that every session has, by name: `{ search_path: ['app', 'public'], role: 'app_rw' }`. Default:
   * the URL's.
   */
  readonly session?: SessionOptions | undefined;
  /** Functions of yours that run at steps of a connection's life. Default: none. */
  readonly hooks?: Hooks | undefined;
  readonly probe?: ProbeOptions | undefined;
  readonly retry?: RetryOptions | undefined;
  /**
   * `strict` gives stale and ambiguous nodes no work; `report` only reports them in events; an object is for
   * the details. Default `strict`.
   */
  readonly fencing?: 'strict' | 'report' | FencingOptions | undefined;
  /**
   * The only cluster to accept, as `pg_control_system()` returns it. Default: the first one that has a
   * primary.
   */
  readonly systemIdentifier?: string | undefined;
  /**
   * What happens when every node that answers has another system identifier: refuse writes, or `adopt` it.
   * Default `refuse`.
   */
  readonly onClusterReplaced?: 'refuse' | 'adopt' | undefined;
  /** How long that must have been the case, ms. Default 30,000. */
  readonly identityGraceMs?: number | undefined;
  /** Age at which an unconfirmed role or lag is forgotten, ms. Default 10,000. */
  readonly expireAfterMs?: number | undefined;
  readonly lag?: LagOptions | undefined;
  readonly causal?: CausalOptions | undefined;
  /**
   * Zones in order of preference, the client's own first: reads go to the nearest. Default: none preferred.
   */
  readonly zone?: string | readonly string[] | undefined;
  /**
   * Routing by the text of statements, for `db.auto` and for pools with `query: 'shared'`: `autoRoute()` of `pgherd/auto-route`. Default:
   * none.
   */
  readonly autoRoute?: AutoRoute | undefined;
  /** Facts about single nodes, by name (`host:port`). */
  readonly nodes?: Readonly<Record<string, NodeOptions>> | undefined;
  /**
   * Source of the list of nodes; until its first list, the nodes of the connection string count. Default:
   * none.
   */
  readonly discovery?: Discovery | undefined;
  /**
   * What discovery may name besides the hosts of the connection string: domains (`db.example.com`, or
   * `*.example.com` for all names below it), addresses, networks (`10.0.0.0/8`), directories of Unix sockets.
   * Every other node is refused, reported by `discovery:refused`, and never dialled. Default: everything.
   */
  readonly allowDiscovered?: string | readonly string[] | undefined;
  /**
   * Whether a pooler such as PgBouncer is in front of the servers. `false` stands for none, or one in session mode;
   * a pooler in transaction mode is found out all the same, and `cluster:warned` says so. Default: the URL's
   * `pgbouncer`, else detected.
   */
  readonly pooler?: boolean | undefined;
  /** Receives events as log lines: `console`, pino, or any object with the four methods. Default: none. */
  readonly logger?: Logger | undefined;
  /** Source of time. For tests. Default: the system. */
  readonly clock?: Clock | undefined;
  /** Source of random numbers. For tests. Default: the system. */
  readonly random?: Random | undefined;
  /** Environment for `PG*` variables. Default `process.env`; `{}` for none. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** What `db1,db2:6432` means: `last-serves-all` hosts, or libpq's reading. Default `last-serves-all`. */
  readonly portRule?: 'last-serves-all' | 'libpq' | undefined;
}
