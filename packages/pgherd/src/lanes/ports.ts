import type { Call, Search } from '../call/call.ts';
import type { AwaitedStandby } from '../call/failures.ts';
import type { PgHerdError } from '../model/errors.ts';
import type { Access } from '../model/names.ts';
import type { HandedOver } from '../node/handed-over.ts';
import type { InFlight } from '../node/in-flight.ts';
import type { LaneLimits } from '../options/lane-limits.ts';
import type { Line } from '../pool/lines.ts';
import type { PoolStats } from '../pool/settings.ts';
import type { Progress } from '../recovery/progress.ts';
import type { Demand } from '../routing/select.ts';
import type { Clock } from '../time/port.ts';
import type { NodeTimesPorts } from './node-times.ts';
import type { QueuedStatement } from './queue.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';

/** A node as lanes see it. */
export interface LaneNode<S> {
  readonly name: string;
  /** Whether the current topology says that the node is ok. */
  readonly isOk: boolean;
  /** Whether the connections of a call may write here. */
  accessFor(call: Call): Access;
  readonly inFlight: InFlight;
  readonly pool: LanePool<S>;
  /** A statement was answered. */
  noteAnswered(): void;
  /** A statement failed. */
  noteFailure(): void;
}

/** A node's pool as lanes see it. */
export interface LanePool<S> {
  /** Most connections that it may open. */
  readonly max: number;
  /** Connections that others than this line want and that cannot be opened. */
  starvingBeside(line: Line<S>): number;
  /** Why the session would be closed if it came back now; `undefined` if it would be kept. */
  outworn(session: S): string | undefined;
  /** @throws PgHerdError `PGHERD_POOL_FULL` if no more callers may wait. */
  assertRoom(): void;
  stats(): PoolStats;
  /** Adds a line to its queue. */
  addLine(line: Line<S>): void;
  /** Finds connections for a line that wants more than before. */
  review(): void;
  /** A statement that waited is sent. */
  noteServed(waitedMs: number): void;
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

/** A statement that failed on a lane. */
export interface FailedStatement<S> {
  readonly error: unknown;
  readonly session: S;
  readonly call: Call;
  readonly progress: Progress;
  /** The SQL that was sent. */
  readonly text: string;
}

/** What the engine provides to statements that share connections. */
export interface SharedStatementsPorts<S, N> {
  readonly herd: LaneHerd;
  pickAtOnce(call: Call, lostOn: ReadonlySet<string>): N | undefined;
  /** `now` is the current time; `untested`: also a connection that would be validated first. */
  acquireAtOnce(node: N, call: Call, now: number, untested?: boolean): S | undefined;
  /** Calls `look` with nodes that suit until it returns `true`. */
  search(call: Call, look: (node: N) => true, picked: undefined, begun: Search): Promise<true>;
  /** A call gets a session that suits its access. */
  hand(session: S, call: Call): void;
  /** As {@link hand}, after changing the session's access; `undefined` if it could not be changed. */
  prepare(session: S, call: Call): Promise<S | undefined>;
  /**
   * Remembers why a node of this name gave no connection.
   * @throws what the caller gets, if that is no reason to look for another node.
   */
  noteRefusal(error: unknown, node: string, call: Call, search: Search): void;
  /** `now` is the current time, if it is known. */
  release(session: S, now?: number): void;
  discard(session: S, reason: string): void;
  /** The callers of what runs on the session stopped waiting. */
  abandon(session: S, reason: string, running: Pick<HandedOver, 'answer' | 'text' | 'inTransaction'>): void;
  /** Whether the server says that the session waits for a lock; `false` if it cannot be asked, `undefined` if not now. */
  waitsForLock(session: S): Promise<boolean> | undefined;
  /** The synchronous standby that the commit on this session waits for, as far as it was seen. */
  standbyAwaitedBy(session: S): AwaitedStandby | undefined;
  /** Round-trip time of a probe of the node, milliseconds; `undefined` if unknown. */
  rttMs(node: N): number | undefined;
  /**
   * Resolves if a failed statement is to be run again, once everything that must happen first has happened.
   * @throws the error that the caller gets, if it is not.
   */
  recover(failed: FailedStatement<S>): Promise<void>;
}

/** What the lanes of a node need. */
export interface NodeLanesPorts<S extends LaneSession> extends NodeTimesPorts {
  /** What their statements may do. */
  readonly access: Access;
  readonly limits: LaneLimits;
  /** Whether statements share connections; otherwise each has one to itself while it runs. */
  readonly sharing: boolean;
  readonly clock: Clock;
  readonly inFlight: InFlight;
  readonly pool: LanePool<S>;
  /** See {@link SharedStatementsPorts.waitsForLock}. */
  waitsForLock(session: S): Promise<boolean> | undefined;
  /** Releases a session that no statement uses any more. */
  release(session: S, now: number): void;
  /** See {@link SharedStatementsPorts.hand}. */
  hand(session: S, call: Call): void;
  prepare(session: S, call: Call): Promise<S | undefined>;
  /** Whether the node still suits what the statement asks for. */
  suits(shared: SharedStatement<S>): boolean;
  /** A statement that waited here searches for a node again. */
  elsewhere(waiting: QueuedStatement<S>): void;
  /** The pool has no connection for a statement that waited here. */
  refused(waiting: QueuedStatement<S>, error: unknown): void;
  /** A statement has waited until its deadline. */
  late(waiting: QueuedStatement<S>, now: number): void;
  answered(session: S): void;
  failed(): void;
}
