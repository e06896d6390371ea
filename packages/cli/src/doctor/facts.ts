import type { NodeDescription, NodeStats } from 'pgherd';

/** A replication slot. */
export interface SlotFacts {
  readonly name: string;
  readonly active: boolean;
  /** WAL that is kept for it, bytes; `null` if it keeps none. */
  readonly retainedBytes: number | null;
}

/** An extension that the database has. */
export interface ExtensionFacts {
  readonly name: string;
  /** Version that the server's files would install; `null` if it lacks the files. */
  readonly offered: string | null;
}

/** What a server says about itself. */
export interface ServerFacts {
  readonly version: number;
  /** Values of `pg_settings`, in the units that it has; settings that the version lacks are absent. */
  readonly settings: Readonly<Record<string, string>>;
  /** Whether this very connection is encrypted. */
  readonly isEncrypted: boolean;
  readonly isSuperuser: boolean;
  /** Largest number of connections of the role and of the database; `null` for no limit. */
  readonly roleLimit: number | null;
  readonly databaseLimit: number | null;
  /** Whether the role may read the control file, which holds the system identifier. */
  readonly mayReadControl: boolean;
  /** How far its clock is ahead of ours, ms; half of the round trip is unknown. */
  readonly clockAheadMs: number;
  readonly roundTripMs: number;
  readonly slots: readonly SlotFacts[];
  /** Standbys that stream from it, by `application_name`; their `sync_state` is `null` if the role may not see it. */
  readonly senders: readonly { readonly name: string; readonly syncState: string | null }[];
  /** Of a standby: whether it receives WAL; `null` out of recovery, and if the role may not see it. */
  readonly isReceiving: boolean | null;
  readonly isReplayPaused: boolean;
  /** Reads that the standby has cancelled because replay needed their place. */
  readonly conflicts: number;
  /** In the order of their names. */
  readonly extensions: readonly ExtensionFacts[];
  /**
   * What makes transactions of our sessions read-only by default, other than the server's own configuration; `null` if nothing does. `alter`: a
   * setting of roles or databases, as `alter` calls these, such as `role "app" in database "shop"`. `client`: what was sent at the login.
   */
  readonly readOnlyBy: { readonly kind: 'alter'; readonly what: string } | { readonly kind: 'client' } | null;
  /** Whether several connections are served by the same session, as by a pooler in transaction mode; `null` if it was not found out. */
  readonly sharesSessions: boolean | null;
}

/** One server as the doctor sees it. */
export interface NodeFacts {
  readonly picture: Pick<
    NodeDescription,
    | 'name'
    | 'role'
    | 'health'
    | 'healthReason'
    | 'standing'
    | 'standingReason'
    | 'connectFailure'
    | 'aliasOf'
    | 'several'
    | 'serverVersion'
    | 'lag'
  >;
  /** Where connections to it lead. */
  readonly route: NodeStats['route'];
  /** `undefined` if it could not be asked. */
  readonly server: ServerFacts | undefined;
  /** Whether one of several servers at its address is a primary; `undefined` if there is one server, which says so itself. */
  readonly isPrimaryMet?: boolean | undefined;
  /** Why it could not be asked although it answers its monitor. */
  readonly failure?: string | undefined;
}

/** Everything that the rules look at. */
export interface DoctorFacts {
  readonly nodes: readonly NodeFacts[];
  readonly user: string;
  readonly database: string;
  /** Whether the connection string leaves TCP keepalive on. */
  readonly keepalives: boolean;
  /** Whether the connection settings say that there is a pooler. */
  readonly pooler: boolean | undefined;
  /** Names of the settings that they give to each session. */
  readonly sessionSettings: readonly string[];
  /** Processes that run the application, and the connections that each has for each server. */
  readonly processes: number;
  readonly poolMax: number;
  /** Today, ISO 8601. */
  readonly today: string;
}

/** `error`: calls fail or wait now, or data can be lost. `warning`: they will once something else happens. */
export type Severity = 'error' | 'warning';

/** Something that wants a look. */
export interface Finding {
  /** Stable name of the rule. */
  readonly rule: string;
  readonly severity: Severity;
  /** `null` for the cluster as a whole. */
  readonly node: string | null;
  /** What was seen, with the numbers. */
  readonly evidence: string;
  readonly remedy: string;
  /** The page to read, below `docs/`. */
  readonly page: string;
}
