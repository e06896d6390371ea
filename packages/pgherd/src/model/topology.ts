import type { Lsn } from './lsn.ts';
import type { ConnectFailure, Health, Role, Standing } from './names.ts';

/** Where a node listens. */
export interface NodeAddress {
  /** Host name, IP address, or the directory of a Unix socket. */
  readonly host: string;
  /** IP address to connect to instead of resolving `host`; `host` still names the server for TLS and passwords. */
  readonly hostaddr?: string | undefined;
  /** Name that the server's certificate must show, where `host` is an address that only DNS knows of. Default: `host`. */
  readonly serverName?: string | undefined;
  readonly port: number;
  readonly transport: 'tcp' | 'unix';
}

/** What operators and discovery say about a node; no server is asked for it. */
export interface NodeLabels {
  /** Where the node stands: an availability zone, a rack, a site. `undefined` where nobody said. */
  readonly zone: string | undefined;
  /** Free labels, by name, that calls can ask for. Default: none. */
  readonly tags: Readonly<Record<string, string>>;
  /** Whether the node may ever be written to, and its timeline believed, once it is out of recovery. Default `true`. */
  readonly promotable: boolean;
  /** Whether the node gets reads as a standby. Default `true`. */
  readonly readable: boolean;
  /** Named by the connection string, or learnt of by discovery, which may name any host. */
  readonly origin: 'configured' | 'discovered';
}

/** Where a primary's log stood at a moment, so that a standby's position can be dated. */
export interface Position {
  /** The primary. */
  readonly node: string;
  readonly timeline: number;
  /** Milliseconds of the cluster's clock: when the position was asked for last. */
  readonly at: number;
  readonly lsn: Lsn;
}

/** A history of one cluster: every promotion starts a higher timeline. Not unique by itself: two standbys may be promoted apart. */
export interface Epoch {
  /** `system_identifier` of the cluster, decimal. */
  readonly systemIdentifier: string;
  /** Timeline, 1 for a cluster that never saw a promotion. */
  readonly timeline: number;
}

/** An epoch that the user declares to be the one to go on with. */
export interface AcceptedEpoch {
  /** `system_identifier` of the cluster, decimal. Left out where no node tells it: they may not read the control file. */
  readonly systemIdentifier?: string | undefined;
  /** Timeline, 1 for a cluster that never saw a promotion. */
  readonly timeline: number;
}

/** How far a standby is behind. A fact that nobody measured is `undefined`, never zero. */
export interface Lag {
  /** Bytes of write-ahead log between the primary's position and what the standby has replayed. */
  readonly bytes: number | undefined;
  /** Age of what the standby shows, in milliseconds. */
  readonly ms: number | undefined;
}

/** All that is known of one node at one moment. Every time is in milliseconds of the cluster's own clock. */
export interface NodeDescription extends NodeLabels {
  /** `host:port`, unique in the cluster. */
  readonly name: string;
  readonly address: NodeAddress;
  readonly health: Health;
  /** Why the node is not `ok`, in plain words. */
  readonly healthReason: string | undefined;
  /** What kept the last fresh connection from being made; `undefined` after one succeeded. */
  readonly connectFailure: ConnectFailure | undefined;
  readonly role: Role;
  readonly standing: Standing;
  /** Why the standing is not `current`, in plain words. */
  readonly standingReason: string | undefined;
  /** Another node that turned out to be the same server under another address; this one then gets no work. */
  readonly aliasOf: string | undefined;
  /** `system_identifier`, where the server told it. */
  readonly systemIdentifier: string | undefined;
  /** The timeline that the node itself is writing, out of recovery. `undefined` for a standby. */
  readonly timeline: number | undefined;
  /** A standby's timeline from its control file: only a lower bound. */
  readonly timelineAtLeast: number | undefined;
  /** Current write position of a primary, replayed position of a standby. */
  readonly lsn: Lsn | undefined;
  /** What a standby has received from its upstream. */
  readonly receivedLsn: Lsn | undefined;
  readonly lag: Lag;
  /** Beyond the cluster's lag limits; stays set until the lag is well below them, so that the node does not flap. */
  readonly lagging: boolean;
  /** Age of the last transaction that the standby replayed, by its own clock, milliseconds. */
  readonly replayAgeMs: number | undefined;
  /** `server_version_num`, for example 180004. */
  readonly serverVersion: number | undefined;
  /** When the postmaster started, microseconds since 1970 by the server's clock, as text. A change means a restart. */
  readonly postmasterStartedAt: string | undefined;
  /** Smoothed round trip of the monitor's probes, milliseconds. */
  readonly rttMs: number | undefined;
  /** Counts the lives of the server as we saw them. Evidence of an earlier life is not believed. */
  readonly generation: number;
  /** When {@link lsn} was asked for; `undefined` while it is not known. */
  readonly lsnAt: number | undefined;
  /** When the present life of the server was first seen: since then {@link postmasterStartedAt} is what it is. */
  readonly lifeSince: number | undefined;
  /** When the newest evidence of the role was valid. */
  readonly roleAt: number | undefined;
  /** When the node last gave any sign of life. */
  readonly seenAt: number | undefined;
  /** When the first of the unanswered probes was sent; `undefined` while probes are answered. */
  readonly silentSince: number | undefined;
  /** When the first of the unanswered probes was given up; `undefined` while probes are answered. */
  readonly suspectedAt: number | undefined;
  /** Since when every probe was answered; of a node that is not `ok`, since when the last such time began. */
  readonly aliveSince: number | undefined;
}

/** The immutable picture of all nodes at one moment. */
export interface TopologyDescription {
  /** Grows with each change. */
  readonly version: number;
  /** When watching began; `undefined` before the first use. */
  readonly startedAt: number | undefined;
  /** The cluster these nodes belong to, once known or pinned. */
  readonly systemIdentifier: string | undefined;
  /** Highest timeline that a node of this cluster told of itself out of recovery: nothing is written below it. */
  readonly floor: number | undefined;
  /** The same for each system identifier that was seen; under `''` for nodes whose cluster nobody could tell. */
  readonly floors: Readonly<Record<string, number>>;
  /** Name of the node that writes go to; `undefined` while there is none. */
  readonly writable: string | undefined;
  /** Since when there is no such node, once watching has begun; `undefined` while there is one. */
  readonly primaryLostAt: number | undefined;
  /**
   * Whether the first write may go out: every node has answered or failed, or `firstWriteGraceMs` is over. Never becomes
   * `false` again.
   */
  readonly writesOpen: boolean;
  /** Whether the cluster or any call so far has set a limit for lag: then traffic does not replace probes, which alone measure it. */
  readonly lagMatters: boolean;
  /** The node that was last given writes. */
  readonly incumbent: string | undefined;
  /** Set while several systems claim to be this cluster's primary; writes are refused. */
  readonly identityConflict: readonly string[] | undefined;
  /** The epoch that the user declared to be the one to go on with; it fixes the system identifier. Of one without, only the floor stays. */
  readonly accepted: Epoch | undefined;
  /** The primary that discovery names. It settles equal claims and nothing else: the node itself must confirm. */
  readonly leaderHint: string | undefined;
  /** Positions of the present primary, oldest first, that the standbys' lag is measured against. */
  readonly positions: readonly Position[];
  /** Set while every node that answers is of another system than this cluster. */
  readonly replacement: Replacement | undefined;
  readonly nodes: readonly NodeDescription[];
}

/** Another system that stands where this cluster was. */
export interface Replacement {
  readonly systemIdentifier: string;
  /** When it was first alone to answer, milliseconds of the cluster's clock. */
  readonly since: number;
  /** Whether that has been so for `identityGraceMs`. */
  readonly confirmed: boolean;
}
