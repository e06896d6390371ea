import type { ClusterEventName, ClusterStatus, Health, LogLevel, Role, Standing } from './words.ts';

/** What the page shows of one node. What is not known is `null`. */
export interface NodeFrame {
  /** `host:port`. */
  readonly name: string;
  readonly role: Role;
  readonly health: Health;
  readonly standing: Standing;
  /** Since when these three have been what they are: ISO 8601. */
  readonly since: string | null;
  /** Why it is not `ok` or not `current`, in plain words. */
  readonly reason: string | null;
  /** Another name of the same server, under which it gets its work. */
  readonly aliasOf: string | null;
  readonly timeline: number | null;
  readonly lsn: string | null;
  readonly lagBytes: number | null;
  readonly lagMs: number | null;
  /** Whether the lag is beyond the limits of the cluster. */
  readonly lagging: boolean;
  /** Smoothed round trip of the probes, milliseconds. */
  readonly rttMs: number | null;
  /** Such as `18.4`. */
  readonly version: string | null;
  /** When the server started, by its own clock: ISO 8601. */
  readonly startedAt: string | null;
  readonly zone: string | null;
  readonly tags: readonly (readonly [name: string, value: string])[];
  /** The node that a standby receives its log from, if the server says so. */
  readonly upstream: string | null;
  readonly pool: {
    readonly idle: number;
    readonly used: number;
    readonly waiting: number;
    readonly max: number;
  };
  /** Statements that run now. */
  readonly inFlight: number;
  /** Statements answered with a result, and ended with an error, since the start. */
  readonly answered: number;
  readonly failures: number;
  /** Connections of all clients to the server, and its `max_connections`; `null` unless `serverFigures` is on. */
  readonly connections: number | null;
  readonly maxConnections: number | null;
}

/** The state of the cluster at one moment. */
export interface Frame {
  /** When, milliseconds since 1970 by the clock of the process. */
  readonly at: number;
  /** `starting`: no node has been asked yet. `resting`: none is, until the cluster is used. `closed`: it is not used any more. */
  readonly status: ClusterStatus | 'starting' | 'resting' | 'closed';
  readonly reasons: readonly string[];
  /** The node that writes go to. */
  readonly writable: string | null;
  readonly systemIdentifier: string | null;
  /** Grows with each change of the topology. */
  readonly topologyVersion: number;
  readonly nodes: readonly NodeFrame[];
  /** Nodes beyond {@link MOST_NODES}, which are not shown. */
  readonly furtherNodes: number;
}

/** Most nodes that a page shows. */
export const MOST_NODES = 64;

/** One line of the event log. */
export interface EventLine {
  readonly at: number;
  readonly level: LogLevel;
  readonly event: ClusterEventName | null;
  readonly node: string | null;
  readonly text: string;
  /** How many more of this event there were at that time. */
  readonly more: number;
}

/** A change of the primary, for the plots. */
export interface Mark {
  readonly at: number;
  /** The node that takes writes since then; `null`: none. */
  readonly primary: string | null;
}

/** The figures of one sample that are plotted. */
export interface Point {
  readonly at: number;
  /** Statements answered and failed in a second, since the sample before. */
  readonly answered: number | null;
  readonly failed: number | null;
  /** Durations of the calls that ended since the sample before, milliseconds. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Connections of all pools, and calls that wait for one. */
  readonly idle: number;
  readonly used: number;
  readonly waiting: number;
  readonly nodes: readonly NodePoint[];
}

/** The figures of one node. */
export interface NodePoint {
  readonly name: string;
  readonly lagMs: number | null;
  readonly lagBytes: number | null;
  readonly rttMs: number | null;
  /** Transactions in a second, of all clients of the database; `null` unless `serverFigures` is on. */
  readonly transactions: number | null;
  /** Connections of all clients. */
  readonly connections: number | null;
}

/** Figures of the cluster that are plotted. */
export const SERIES = Object.freeze([
  'answered',
  'failed',
  'p50',
  'p95',
  'p99',
  'idle',
  'used',
  'waiting',
] as const);
/** Figures of nodes that are plotted. */
export const NODE_SERIES = Object.freeze([
  'lagMs',
  'lagBytes',
  'rttMs',
  'transactions',
  'connections',
] as const);

/** One of {@link SERIES}. */
export type Series = (typeof SERIES)[number];
/** One of {@link NODE_SERIES}. */
export type NodeSeries = (typeof NODE_SERIES)[number];

/** Values of one figure, oldest first. */
export type Column = readonly (number | null)[];

/** Points by figure, which is shorter, and what plots take. */
export interface Columns {
  readonly at: readonly number[];
  readonly cluster: Readonly<Record<Series, Column>>;
  readonly nodes: readonly {
    readonly name: string;
    readonly columns: Readonly<Record<NodeSeries, Column>>;
  }[];
}

/** What a page is told first. */
export interface Hello {
  readonly title: string;
  readonly sampleMs: number;
  readonly historyMs: number;
  /** Whether figures of the servers are shown, those of all clients. */
  readonly serverFigures: boolean;
  /** What a call can ask for. */
  readonly targets: readonly string[];
  /** User and database. */
  readonly user: string;
  readonly database: string;
}

/** What a page gets: the present state, and what it does not have yet. */
export interface Message {
  /** Only if the page has nothing, or what it has is of another process. */
  readonly hello?: Hello | undefined;
  readonly frame: Frame;
  readonly columns: Columns;
  readonly events: readonly EventLine[];
  readonly marks: readonly Mark[];
}

/** Why a node would serve a target, or would not. */
export interface ExplainedNode {
  readonly node: string;
  /** 1 for the first choice; `null` if it does not suit. */
  readonly choice: number | null;
  readonly reason: string;
}

/** The answer to `explain`. */
export interface Explained {
  readonly target: string;
  readonly topologyVersion: number;
  readonly nodes: readonly ExplainedNode[];
}
