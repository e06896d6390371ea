import type { Clock, Random } from '../time/port.ts';

/** One server as a discovery knows it. What it leaves open stays as it is by default. */
export interface DiscoveredNode {
  /** Host name, IP address, or the directory of a Unix socket. */
  readonly host: string;
  /** Default: {@link DiscoveryContext.defaultPort}. */
  readonly port?: number | undefined;
  /** IP address to connect to instead of resolving `host`; `host` still names the server for TLS. */
  readonly hostaddr?: string | undefined;
  /**
   * Name that the server's certificate must show, where `host` is an address that only DNS knows of.
   * Default: `host`.
   */
  readonly serverName?: string | undefined;
  /** Where the node stands. Default: unknown. */
  readonly zone?: string | undefined;
  /** Free labels. Default: none. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Whether the node may ever become a write target. Default `true`. */
  readonly promotable?: boolean | undefined;
  /** Whether the node gets reads as a standby. Default `true`. */
  readonly readable?: boolean | undefined;
  /**
   * Whether this is the primary in the eyes of the discovery; at most one of a list. It decides between two nodes that
   * both claim to be it, and nothing else. Default `false`.
   */
  readonly leader?: boolean | undefined;
}

/** What a discovery may use, and by what it is steered. */
export interface DiscoveryContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Port of nodes that come without one: that of the connection string, else 5432. */
  readonly defaultPort: number;
  /** Aborts when the cluster is closed: the iteration must then end and let go of everything. */
  readonly signal: AbortSignal;
  /**
   * Resolves `true` after `ms` milliseconds, or earlier when a fresh list is wanted at once because the primary was lost,
   * and `false` when `signal` aborts. Does not keep the process alive.
   */
  pause(ms: number): Promise<boolean>;
}

/**
 * Tells which servers there are, again and again. Each list replaces the one before; a list that cannot be used, and an
 * iteration that throws, leave the last good one in force and are told by the event `discovery:failed`, after which the
 * iteration is begun anew. An iteration that ends is over for good: its last list stays.
 *
 * Discovery is a hint about who exists, never about who may be written to: every node is asked itself.
 */
export interface Discovery {
  /** Shown in events and errors. */
  readonly name: string;
  watch(context: DiscoveryContext): AsyncIterable<readonly DiscoveredNode[]>;
}
