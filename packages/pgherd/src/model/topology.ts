import type { Acceptance, BarredWrites, Contest, Epoch, GivenUp, Levels, WithdrawnFloor } from './floors.ts';
import type { Lsn } from './lsn.ts';
import type { ConnectFailure, Health, Role, Standing } from './names.ts';

/** Where a node listens. */
export interface NodeAddress {
  /** Host name, IP address, or the directory of a Unix socket. */
  readonly host: string;
  /**
   * IP address to connect to instead of resolving `host`; `host` still names the server for TLS and
   * passwords.
   */
  readonly hostaddr?: string | undefined;
  /**
   * Name that the server's certificate must show if `host` is only the target of a DNS record. Default:
   * `host`.
   */
  readonly serverName?: string | undefined;
  /**
   * Whether it is one of several addresses of the name `host`, each of which is a node: then `hostaddr` is a part of the node's name.
   * Default `false`.
   */
  readonly isOneOfSeveral?: boolean | undefined;
  readonly port: number;
  readonly transport: 'tcp' | 'unix';
}

/** What the options and discovery say about a node; no server is asked for it. */
export interface NodeLabels {
  /** Where the node stands: an availability zone, a rack, a site. Default `undefined`: not known. */
  readonly zone: string | undefined;
  /** Free labels, by name, that calls can demand. Default: none. */
  readonly tags: Readonly<Record<string, string>>;
  /**
   * Whether the node may be written to, and its timeline believed, once it is out of recovery. Default
   * `true`.
   */
  readonly promotable: boolean;
  /** Whether the node gets reads while it is a standby. Default `true`. */
  readonly readable: boolean;
  /** Named by the connection string, or added by discovery, which may name any host. */
  readonly origin: 'configured' | 'discovered';
}

/** Where a primary's log stood at a given time; it dates a standby's position. */
export interface Position {
  /** The primary. */
  readonly node: string;
  readonly timeline: number;
  /** When the position was last asked for, milliseconds of the cluster's clock. */
  readonly at: number;
  readonly lsn: Lsn;
}

/** How far a standby is behind. A value that was not measured is `undefined`, never zero. */
export interface Lag {
  /** Bytes of write-ahead log between the primary's position and what the standby has replayed. */
  readonly bytes: number | undefined;
  /** Age of the data that the standby shows, milliseconds. */
  readonly ms: number | undefined;
}

/** A server that a new connection to a node's address has shown. */
export interface ShownServer {
  /** Its start, microseconds since 1970 by its own clock, as a string. */
  readonly startedAt: string;
  /** `undefined` if only its start was asked for, or the server does not return it. */
  readonly systemIdentifier: string | undefined;
  /** `undefined` if only its start was asked for. */
  readonly inRecovery: boolean | undefined;
  /** When, milliseconds of the cluster's clock. */
  readonly at: number;
}

/** Several servers that answer at one address, such as behind a balancer. */
export interface SeveralServers {
  /** Since when that is known, milliseconds of the cluster's clock. */
  readonly since: number;
  /** How many were seen. */
  readonly servers: number;
  /** Whether they are of one system, and at least one of them is out of recovery: then none of them gets writes. */
  readonly barsWrites: boolean;
}

/** All that is known of one node at one time. Times that are numbers are milliseconds of the cluster's own clock. */
export interface NodeDescription extends NodeLabels {
  /** `host:port`, unique in the cluster. */
  readonly name: string;
  readonly address: NodeAddress;
  readonly health: Health;
  /** Why the node is not `ok`, in plain words. */
  readonly healthReason: string | undefined;
  /**
   * Since when {@link role}, {@link health} and {@link standing} have been what they are: ISO 8601, by this machine's clock. `undefined` as
   * long as nothing is known of the node.
   */
  readonly since: string | undefined;
  /** Why the last attempt to connect failed; `undefined` after one succeeded. */
  readonly connectFailure: ConnectFailure | undefined;
  readonly role: Role;
  readonly standing: Standing;
  /** Whether the discovery is being asked which node leads, so that this one is not written to meanwhile. */
  readonly contested: boolean;
  /** Why the standing is not `current`, in plain words. */
  readonly standingReason: string | undefined;
  /** Name of another node that is the same server under another address; this one then gets no work. */
  readonly aliasOf: string | undefined;
  /** `system_identifier`; `undefined` if the server does not return it. */
  readonly systemIdentifier: string | undefined;
  /** The timeline that the node itself is writing, out of recovery. `undefined` for a standby. */
  readonly timeline: number | undefined;
  /** A standby's timeline from its control file: only a lower bound. */
  readonly timelineAtLeast: number | undefined;
  /**
   * Highest timeline that the control file of a standby shows: its data are of that timeline, or of a later
   * one that it has received since. `undefined` out of recovery, and if the server does not return it.
   */
  readonly dataTimeline: number | undefined;
  /** Current write position of a primary, replayed position of a standby. */
  readonly lsn: Lsn | undefined;
  /** What a standby has received from its upstream. */
  readonly receivedLsn: Lsn | undefined;
  readonly lag: Lag;
  /**
   * Whether the lag is beyond the cluster's limits; stays set until it is well below them, so that the node
   * does not flap.
   */
  readonly lagging: boolean;
  /** Age of the last transaction that the standby replayed, milliseconds by the standby's clock. */
  readonly replayAgeMs: number | undefined;
  /** `server_version_num`, for example 180004. */
  readonly serverVersion: number | undefined;
  /**
   * When the postmaster started: microseconds since 1970 by the server's clock, as a string. A change means a
   * restart.
   */
  readonly postmasterStartedAt: string | undefined;
  /**
   * Whether the data of a standby may be of a timeline above that of the primary: it followed another server,
   * or is ahead of what is known here. It gets no causal reads and none with a limit of lag, other reads only
   * if no other node can serve.
   */
  readonly diverged: boolean;
  /**
   * The present life of the server began at this time or later; known only of a node that showed the floor,
   * while the floor bars a primary.
   */
  readonly bornAt: number | undefined;
  /** Standbys that stream from the node; known only of a primary that the floor bars. */
  readonly walSenders: number | undefined;
  /**
   * Start of another server, which a new connection to this address has led to; `undefined` unless the monitor has
   * yet to find out where the address leads now. The node gets no new work meanwhile.
   */
  readonly leadsTo: string | undefined;
  /** Set while connections to the address lead now to one server and now to another. */
  readonly several: SeveralServers | undefined;
  /** Servers that new connections to the address led to, in their order, of the last minute; empty if it was one. */
  readonly shown: readonly ShownServer[];
  /** How many of the newest connections led to the last one of {@link shown}, and since when. */
  readonly agreeing: { readonly count: number; readonly since: number };
  /** Smoothed round trip of the monitor's probes, milliseconds. */
  readonly rttMs: number | undefined;
  /** Number of restarts and losses seen so far. Evidence of an earlier generation is not believed. */
  readonly generation: number;
  /** When {@link lsn} was asked for; `undefined` while that is unknown. */
  readonly lsnAt: number | undefined;
  /**
   * Since when {@link postmasterStartedAt} has had its present value: the present life of the server was
   * first seen then.
   */
  readonly lifeSince: number | undefined;
  /** Time at which the newest evidence of the role was valid. */
  readonly roleAt: number | undefined;
  /** When the node last showed any sign of life. */
  readonly seenAt: number | undefined;
  /** When the first of the unanswered probes was sent; `undefined` while probes are answered. */
  readonly silentSince: number | undefined;
  /** When the first of the unanswered probes timed out; `undefined` while probes are answered. */
  readonly suspectedAt: number | undefined;
  /** Since when every probe was answered; for a node that is not `ok`, when the last such period began. */
  readonly aliveSince: number | undefined;
}

/** The immutable picture of all nodes at one time. */
export interface TopologyDescription {
  /** Grows by one with each change. */
  readonly version: number;
  /** When watching began; `undefined` before the first use. */
  readonly startedAt: number | undefined;
  /**
   * `system_identifier` of the cluster that these nodes belong to, decimal; `undefined` until known or
   * pinned.
   */
  readonly systemIdentifier: string | undefined;
  /**
   * Highest timeline that a node of this cluster returned as its own, out of recovery: nothing is written
   * below it.
   */
  readonly floor: number | undefined;
  /** The timelines that were seen out of recovery, and where. */
  readonly levels: Levels;
  /** The highest level of each system identifier that was seen; under `''` for nodes that return none. */
  readonly floors: Readonly<Record<string, number>>;
  /** Set while the floor keeps writes from a primary that works, and no other node can take them. */
  readonly barred: BarredWrites | undefined;
  /** Nodes whose claims are void since an epoch below them was accepted. */
  readonly givenUp: readonly GivenUp[];
  /** Epochs that were found in the databases of primaries, oldest first; the last ones only. */
  readonly acceptances: readonly Acceptance[];
  /** Set while several nodes claim to be the primary and the discovery holds a lease that decides. */
  readonly contest: Contest | undefined;
  /** The floor that was withdrawn last. */
  readonly withdrawn: WithdrawnFloor | undefined;
  /** Name of the node that writes go to; `undefined` while there is none: then they wait. */
  readonly writable: string | undefined;
  /** Since when there is no such node, once watching has begun; `undefined` while there is one. */
  readonly primaryLostAt: number | undefined;
  /**
   * Whether the first write, and reads by a second choice, may go out: every node has answered or failed, or
   * `firstWriteGraceMs` is over. Becomes `false` again only when the cluster rests.
   */
  readonly writesOpen: boolean;
  /**
   * Whether the cluster or any call so far has set a limit for lag: then traffic does not replace probes,
   * which alone measure it.
   */
  readonly lagMatters: boolean;
  /** Name of the node that the last write went to. */
  readonly incumbent: string | undefined;
  /** System identifiers of several primaries, while they are of different clusters; writes are refused. */
  readonly identityConflict: readonly string[] | undefined;
  /**
   * The epoch that the user accepted; it fixes the system identifier. An epoch without one only lowers the
   * floor.
   */
  readonly accepted: Epoch | undefined;
  /**
   * Name of the primary according to discovery. It only settles equal claims: the node itself must confirm.
   */
  readonly leaderHint: string | undefined;
  /** Positions of the present primary, oldest first, that the standbys' lag is measured against. */
  readonly positions: readonly Position[];
  /** Set while every node is of one other system than this cluster. */
  readonly replacement: Replacement | undefined;
  readonly nodes: readonly NodeDescription[];
}

/** Another system that has taken this cluster's place. */
export interface Replacement {
  readonly systemIdentifier: string;
  /** Since when every node has been of that system, milliseconds of the cluster's clock. */
  readonly since: number;
  /** Whether that has been so for `identityGraceMs`. */
  readonly confirmed: boolean;
}
