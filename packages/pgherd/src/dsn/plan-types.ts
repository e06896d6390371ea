import type { Secret } from '../model/secret.ts';
import type {
  AuthMethod,
  ChannelBinding,
  LoadBalanceHosts,
  TargetSessionAttrs,
  TlsMode,
  TlsNegotiation,
  TlsVersion,
  Transport,
} from './sets.ts';

/** One server to try. */
export interface PlannedHost {
  /**
   * Name, address, or directory of a Unix socket (`/…`, or `@…` for an abstract one). TLS checks this name.
   */
  readonly host: string;
  /** The address to connect to instead of resolving `host`. */
  readonly hostaddr?: string | undefined;
  /** 1 to 65535; for a Unix socket the number in the socket's file name. Default 5432. */
  readonly port: number;
  readonly transport: Transport;
  /** From the password file. Set only if {@link ConnectionPlan.password} is not. */
  readonly password?: Secret | undefined;
}

/** How TLS is used. File names are as given; the caller reads the files. */
export interface TlsPlan {
  /** Default `prefer`; with `sslrootcert=system`, `verify-full`. Never used over a Unix socket. */
  readonly mode: TlsMode;
  /**
   * What is checked of the server's certificate: `none`, `ca` (signed by a trusted authority) or `full` (its
   * name as well). A root certificate makes even `require` check the authority, as in libpq.
   */
  readonly verify: 'none' | 'ca' | 'full';
  /** File of trusted authorities, or `system`. Default: the authorities that Node.js includes. */
  readonly rootCert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly keyPassword?: Secret | undefined;
  /** File of revoked certificates. */
  readonly crl?: string | undefined;
  /** Whether the host's name is sent in the clear at the start (server name indication). Default true. */
  readonly sni: boolean;
  readonly negotiation: TlsNegotiation;
  /** Default `TLSv1.2`. `undefined` if the parameter is set to the empty string: no limit. */
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
  /** Whether a client certificate is sent if the server asks for one. Default `allow`. */
  readonly certMode: 'disable' | 'allow';
}

/** TCP keepalive. */
export interface KeepalivePlan {
  /** Default true. */
  readonly enabled: boolean;
  /** Idle time in ms before the first probe; default: the system's. */
  readonly idleMs?: number | undefined;
  /** Time in ms between probes; default: the system's. Node.js cannot set it on a socket. */
  readonly intervalMs?: number | undefined;
  /**
   * Probes before the connection counts as dead; default: the system's. Node.js cannot set it on a socket.
   */
  readonly count?: number | undefined;
}

/** Everything needed to connect. Deeply frozen, safe to print. */
export interface ConnectionPlan {
  /** In the order in which to try them, without duplicates; at least one. */
  readonly hosts: readonly PlannedHost[];
  readonly user: string;
  /**
   * The password from a parameter, the service or the environment; otherwise see
   * {@link PlannedHost.password}.
   */
  readonly password?: Secret | undefined;
  /** Default: the name of the user. */
  readonly database: string;
  readonly targetSessionAttrs: TargetSessionAttrs;
  /** Whether something set it; otherwise `any` is libpq's default, and no wish. */
  readonly targetStated: boolean;
  readonly loadBalanceHosts: LoadBalanceHosts;
  /** Time for one address in ms, at least 2,000. `Infinity`: no limit. `undefined`: not set. */
  readonly connectTimeoutMs: number | undefined;
  readonly applicationName?: string | undefined;
  /** The `options` startup parameter, e.g. `-c geqo=off`. */
  readonly options?: string | undefined;
  /** `UTF8` if `client_encoding` is set, to whatever value: pgherd uses nothing else. */
  readonly clientEncoding?: string | undefined;
  /** The `search_path` for the parameter `schema`, quoted if necessary. */
  readonly searchPath?: string | undefined;
  /** Settings for the startup packet from PGDATESTYLE, PGTZ and PGGEQO. */
  readonly settings: Readonly<Record<string, string>>;
  readonly tls: TlsPlan;
  readonly keepalive: KeepalivePlan;
  /**
   * libpq's `tcp_user_timeout` in ms. Node.js cannot set it on a socket; probes with deadlines do its work.
   */
  readonly tcpUserTimeoutMs?: number | undefined;
  /** Authentication methods that may be used; `undefined`: any. `none`: the server need not ask. */
  readonly requireAuth?: readonly AuthMethod[] | undefined;
  readonly channelBinding: ChannelBinding;
  /** Whether a pooler such as PgBouncer stands in between (`pgbouncer=true`). */
  readonly pooler?: boolean | undefined;
  /** Most connections per node (`connection_limit`). */
  readonly poolMax?: number | undefined;
  /** Time in ms to wait for a connection (`pool_timeout`). */
  readonly waitTimeoutMs?: number | undefined;
  /** Sentences about parameters that were accepted but have no effect. They never contain a secret. */
  readonly warnings: readonly string[];
}
