import type { Lsn } from './lsn.ts';
import type { ConnectFailure } from './names.ts';

/** What a probe returned. A fact that the server refused or lacks is `undefined`. */
export interface ProbeFacts {
  readonly inRecovery: boolean;
  /**
   * Whether the server itself, not the role or the session, makes transactions read-only
   * (`default_transaction_read_only`).
   */
  readonly readOnly: boolean;
  readonly systemIdentifier: string | undefined;
  /** Own timeline, out of recovery only. */
  readonly timeline: number | undefined;
  /** Timeline of the control file, a lower bound on a standby. */
  readonly timelineAtLeast: number | undefined;
  /** Timeline up to whose log the data are replayed, from the control file; in recovery only. */
  readonly recoveryTimeline: number | undefined;
  /** For how long the server has run by its own clock, milliseconds; asked for only when it matters. */
  readonly uptimeMs: number | undefined;
  /** The epoch that the operator wrote down in the database; asked for only when it matters. */
  readonly acceptEpoch: EpochNote | undefined;
  /** Standbys that stream from it; asked for only when it matters. */
  readonly walSenders: number | undefined;
  readonly lsn: Lsn | undefined;
  readonly receivedLsn: Lsn | undefined;
  readonly replayAgeMs: number | undefined;
  readonly postmasterStartedAt: string | undefined;
  /** Number of the server's process that answered. */
  readonly backendPid: number | undefined;
  /** The server's clock, microseconds since 1970. */
  readonly clockUs: string | undefined;
  readonly serverVersion: number | undefined;
}

/** What the database of a server says of an epoch to accept. */
export interface EpochNote {
  /** As it is written; `undefined` if nothing is. */
  readonly value: string | undefined;
  /** The server's clock, milliseconds since 1970. */
  readonly clockMs: number;
}

interface Evidence {
  /** Node the evidence is about. */
  readonly node: string;
  /** When it was received, milliseconds of the cluster's clock. */
  readonly at: number;
  /** Generation of the node when the connection that carries the evidence was opened. */
  readonly generation: number;
}

/** One dated piece of evidence about one node. */
export type Observation =
  /** A probe was answered. Its facts were true no earlier than `askedAt`. */
  | (Evidence & {
      readonly kind: 'probe-answered';
      readonly askedAt: number;
      readonly facts: ProbeFacts;
      /** Whether the monitor has dialled the address anew, so that this is the server that it leads to now. */
      readonly redialled?: boolean | undefined;
    })
  /** A probe on an open connection was not answered within `probe.timeoutMs`. */
  | (Evidence & { readonly kind: 'probe-missed'; readonly askedAt: number })
  /** A probe was answered with an error: the server is alive, but returned no facts. */
  | (Evidence & { readonly kind: 'probe-failed'; readonly askedAt: number })
  /** The monitor could not open a new connection. */
  | (Evidence & {
      readonly kind: 'connect-failed';
      readonly failure: ConnectFailure;
      /** When the attempt began. Default: when it ended. */
      readonly askedAt?: number | undefined;
      readonly reason: string;
      readonly serverVersion?: number | undefined;
    })
  /** ParameterStatus of `in_hot_standby` on any connection. */
  | (Evidence & { readonly kind: 'parameters'; readonly inHotStandby: boolean })
  /** A new connection showed when its server was started; it may be another server than the node's. */
  | (Evidence & {
      readonly kind: 'start-shown';
      readonly startedAt: string;
      /** `undefined` if it was not asked for. */
      readonly systemIdentifier?: string | undefined;
      readonly inRecovery?: boolean | undefined;
    })
  /** Of connections that the monitor dialled one after the other, some led to another server than the others. */
  | (Evidence & { readonly kind: 'address-alternates' })
  /** Bytes came from the node on any connection. */
  | (Evidence & { readonly kind: 'bytes-received' });

/** The discriminants of {@link Observation}. */
export type ObservationKind = Observation['kind'];
