import type { NodeDescription } from 'pgherd';

/** A replication slot. */
export interface SlotFacts {
  readonly name: string;
  readonly active: boolean;
  /** WAL that is kept for it, bytes; `null` if it keeps none. */
  readonly retainedBytes: number | null;
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
    | 'lag'
  >;
  /** `undefined` if it could not be asked. */
  readonly server: ServerFacts | undefined;
}

/** Everything that the rules look at. */
export interface DoctorFacts {
  readonly nodes: readonly NodeFacts[];
  readonly user: string;
  readonly database: string;
  /** Whether the connection string leaves TCP keepalive on. */
  readonly keepalives: boolean;
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
