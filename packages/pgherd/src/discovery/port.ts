import type { LeaderAnswer } from '../floors/contest.ts';
import type { Clock, Random } from '../time/port.ts';

/** One server in a list of nodes. Fields that are omitted have their defaults. */
export interface DiscoveredNode {
  /** Host name, IP address, or the directory of a Unix socket. */
  readonly host: string;
  /** Default: {@link DiscoveryContext.defaultPort}. */
  readonly port?: number | undefined;
  /** IP address to connect to instead of resolving `host`; `host` still names the server for TLS. */
  readonly hostaddr?: string | undefined;
  /**
   * Name that the server's certificate must show, if `host` is an address from DNS. Default: `host`.
   */
  readonly serverName?: string | undefined;
  /** The zone of the node. Default: unknown. */
  readonly zone?: string | undefined;
  /** Free labels. Default: none. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Whether the node may ever become a write target. Default `true`. */
  readonly promotable?: boolean | undefined;
  /** Whether the node gets reads as a standby. Default `true`. */
  readonly readable?: boolean | undefined;
  /**
   * Whether the discovery considers this node the primary; at most one in a list. It decides only between two
   * nodes that both claim to be the primary. Default `false`.
   */
  readonly leader?: boolean | undefined;
}

/** What a discovery gets from the cluster. */
export interface DiscoveryContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Port of nodes without one: that of the connection string, else 5432. */
  readonly defaultPort: number;
  /** Aborts when the cluster is closed: the iteration must then end and release everything. */
  readonly signal: AbortSignal;
  /**
   * Resolves to `true` after `ms` milliseconds, or earlier if a new list is needed because the primary was
   * lost, and to `false` when `signal` aborts. Does not keep the process alive.
   */
  pause(ms: number): Promise<boolean>;
}

export type { LeaderAnswer } from '../floors/contest.ts';

/** What a discovery gets with the question who leads. */
export interface LeaderQuestion {
  readonly clock: Clock;
  readonly random: Random;
  /** Port of nodes without one. */
  readonly defaultPort: number;
  /** Hosts whose word counts little, in small letters: endpoints on others are asked first. */
  readonly avoid: readonly string[];
  /** Aborts when the answer is no longer waited for. */
  readonly signal: AbortSignal;
}

/**
 * Yields lists of the servers. Each list replaces the one before. After an invalid list, or if the iteration
 * throws, the last valid list stays in force, the event `discovery:failed` is emitted, and a new iteration
 * begins. If the iteration ends, its last list stays.
 *
 * Discovery is a hint which nodes exist: every node is asked itself what it is. One with an `authority` can
 * refute a node that says that it is the primary, and can choose between several; it can make none.
 */
export interface Discovery {
  /** Shown in events and errors. */
  readonly name: string;
  watch(context: DiscoveryContext): AsyncIterable<readonly DiscoveredNode[]>;
  /** `lease`: what it says of the leader rests on a lease, which one node at a time holds. Default: none. */
  readonly authority?: 'lease' | undefined;
  /**
   * Asks who leads now; only with an {@link authority}. Called while several nodes claim to be the primary, at most
   * every few seconds.
   */
  whoLeads?(question: LeaderQuestion): Promise<readonly LeaderAnswer[]>;
}
