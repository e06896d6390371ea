import type { Call, Search } from '../call/call.ts';
import type { PgHerdError } from '../model/errors.ts';
import type { HandedOver } from '../node/handed-over.ts';
import type { InFlight } from '../node/in-flight.ts';
import type { LaneLimits } from '../options/lane-limits.ts';
import type { WaitingElsewhere } from '../pool/callers.ts';
import type { PoolStats } from '../pool/settings.ts';
import type { Progress } from '../recovery/progress.ts';
import type { Demand } from '../routing/select.ts';
import type { Clock } from '../time/port.ts';
import type { QueuedStatement } from './queue.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';

/** A node as lanes see it. */
export interface LaneNode<S> {
  readonly name: string;
  /** Whether the current topology says that the node is ok. */
  readonly isOk: boolean;
  readonly inFlight: InFlight;
  readonly pool: LanePool<S>;
  /** Statements that the node answered, and that failed. */
  answered: number;
  failures: number;
}

/** A node's pool as lanes see it. */
export interface LanePool<S> {
  /** Most connections that it may open. */
  readonly max: number;
  /** Callers that wait for a connection and for whom none can be opened. */
  readonly starving: number;
  /** Why the session would be closed if it came back now; `undefined` if it would be kept. */
  outworn(session: S): string | undefined;
  /** @throws PgHerdError `PGHERD_POOL_FULL` if no more callers may wait. */
  assertRoom(): void;
  stats(): PoolStats;
  /** Counts callers that wait elsewhere; gives what is to be called when one of them no longer waits. */
  represents(waiting: WaitingElsewhere): (waitedMs: number) => void;
}

/** The cluster as lanes see it. */
export interface LaneHerd {
  readonly settings: {
    readonly clock: Clock;
    /** `undefined` if statements do not share connections. */
    readonly lanes: LaneLimits | undefined;
    readonly prepare: boolean;
    readonly waitTimeoutMs: number;
  };
  readonly isClosed: boolean;
  /** Whether the node still suits the demand. */
  stillSuits(node: string, demand: Demand): boolean;
  /** A write goes to this node. */
  noteWriter(node: string): void;
  /** A node of this generation that is not known to be ok answered a statement. */
  noteAnswer(node: string, generation: number): void;
  /** The error of a call that found no node. */
  noNodeError(demand: Demand, waitedMs: number, refusals: ReadonlyMap<string, string>): PgHerdError;
}

/** Takes a caller out of a pool's queue. */
export type Queued = (leave: (why: unknown) => void) => void;

/** A statement that failed on a lane. */
export interface FailedStatement<S> {
  readonly error: unknown;
  readonly session: S;
  readonly call: Call;
  readonly progress: Progress;
  /** The SQL that was sent. */
  readonly text: string;
}

/** What the engine does for statements that share connections. */
export interface SharedStatementsPorts<S, N> {
  readonly herd: LaneHerd;
  pickAtOnce(call: Call, lostOn: ReadonlySet<string>): N | undefined;
  acquireAtOnce(node: N, call: Call): S | undefined;
  /** Calls `look` with nodes that suit until it gives `true`. */
  search(call: Call, look: (node: N) => true, picked: undefined, begun: Search): Promise<true>;
  lease(node: N, call: Call, search: Search, queued: Queued): Promise<S | undefined>;
  release(session: S): void;
  discard(session: S, reason: string): void;
  /** The callers of what runs on the session stopped waiting. */
  abandon(session: S, reason: string, running: Pick<HandedOver, 'count' | 'answer' | 'text'>): void;
  /** How long a probe of the node takes there and back, milliseconds; `undefined` if that is not known. */
  rttMs(node: N): number | undefined;
  /**
   * Resolves if a statement that failed is to be run again, when what has to be done before is done.
   * @throws what the caller gets, if it is not.
   */
  recover(failed: FailedStatement<S>): Promise<void>;
}

/** What the lanes of a node need. */
export interface NodeLanesPorts<S extends LaneSession> {
  readonly limits: LaneLimits;
  /** Whether statements share connections; else each has one for itself while it runs. */
  readonly sharing: boolean;
  readonly clock: Clock;
  /** The time, read once in a turn of the event loop. */
  now(): number;
  /** How long a probe takes there and back, milliseconds; `undefined` if that is not known. */
  rttMs(): number | undefined;
  /** About how long a turn of our event loop takes now, milliseconds. */
  turnMs(): number;
  readonly inFlight: InFlight;
  readonly pool: LanePool<S>;
  /** Gives back a session that no statement uses any more. */
  release(session: S): void;
  /** Whether the node still suits what the statement asks for. */
  suits(shared: SharedStatement<S>): boolean;
  /** A connection of the node for `call`; `undefined` if another node must be looked for, and `search` says why. */
  lease(call: Call, search: Search, queued: Queued): Promise<S | undefined>;
  /** A statement that waited here looks for a node anew. */
  elsewhere(waiting: QueuedStatement<S>, search: Search | undefined): void;
  /** A statement has waited until its deadline. */
  late(waiting: QueuedStatement<S>, now: number): void;
  answered(session: S): void;
  failed(): void;
}
