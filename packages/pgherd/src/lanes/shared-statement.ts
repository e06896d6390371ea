import type { Call, Search } from '../call/call.ts';
import type { PipelinedStatement } from '../connection/port.ts';
import type { Field, QueryResult, Row, Statement } from '../model/statement.ts';
import type { Progress } from '../recovery/progress.ts';
import { predictedMs } from './service-time.ts';
import type { LaneSession } from './session.ts';
import type { StatementFacts } from './statement-facts.ts';

/** A lane as its statements see it. */
export interface StatementLane<S extends LaneSession> {
  readonly session: S;
  readonly depth: number;
  /** How many of them write. */
  readonly writes: number;
  /** The statement that the server works at. */
  readonly head: SharedStatement<S> | undefined;
  /** Statements whose callers still wait. */
  readonly awaited: number;
  /** Takes nobody any more. */
  leaving: boolean;
  /** The shared is done with, with an answer or an error. */
  left(shared: SharedStatement<S>, answered: boolean): void;
  /** Nobody waits for the shared any more; its answer still has to come. */
  abandon(shared: SharedStatement<S>): void;
  /** Resolves when the last statement has left. */
  untilEmpty(): Promise<void>;
}

/** Who decides what becomes of a shared that failed. */
export interface StatementOwner<S extends LaneSession> {
  failed(shared: SharedStatement<S>, session: S, error: unknown): void;
  /** Sets the limits of a call that has any, once it is on its way. */
  limit(shared: SharedStatement<S>, session: S): Settlement;
  /** The error of a write that no synchronous standby confirmed. */
  unacknowledged(): unknown;
}

/** Settles what runs on a lane for a call with a limit, which may end before the lane is done with it. */
export interface Settlement {
  resolve(result: QueryResult<Row>): void;
  reject(error: unknown): void;
}

/**
 * One call's statement on its way over lanes. It is nowhere, waiting, or on exactly one lane; there it is answered or fails
 * once, and after a failure it may board another. Its caller is told once.
 */
export class SharedStatement<S extends LaneSession> implements PipelinedStatement {
  readonly statement: Statement;
  readonly call: Call;
  readonly facts: StatementFacts;
  readonly prepare: boolean;
  readonly resolve: (result: QueryResult<Row>) => void;
  readonly reject: (error: unknown) => void;
  readonly #owner: StatementOwner<S>;
  /** Runs made so far, and where; `undefined` before the first failure. */
  progress: Progress | undefined;
  lane: StatementLane<S> | undefined;
  /** How it looks for a node, once one gave it no connection. */
  search: Search | undefined;
  /** What it was expected to take when it boarded, milliseconds. */
  costMs = 0;
  sentAt = 0;
  /** Only of a call with a deadline or a signal. */
  settlement: Settlement | undefined;
  /** Its caller gave up: nobody waits for the answer. */
  abandoned = false;

  constructor(
    owner: StatementOwner<S>,
    statement: Statement,
    call: Call,
    facts: StatementFacts,
    prepare: boolean,
    resolve: (result: QueryResult<Row>) => void,
    reject: (error: unknown) => void,
  ) {
    this.#owner = owner;
    this.statement = statement;
    this.call = call;
    this.facts = facts;
    this.prepare = prepare;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** It boards: what it costs is counted until it leaves. */
  join(lane: StatementLane<S>, now: number): void {
    this.lane = lane;
    this.sentAt = now;
    this.costMs = predictedMs(this.facts.time);
  }

  /** It was handed to the connection. */
  sent(session: S): void {
    const { deadline, signal } = this.call;
    const limited = deadline !== Number.POSITIVE_INFINITY || signal !== undefined;
    // Of a connection that was gone already it has been told in the meantime.
    if (limited && this.lane !== undefined) this.settlement = this.#owner.limit(this, session);
  }

  answered(rows: Row[], rowCount: number | null, fields: readonly Field[], command: string): void {
    const { lane } = this;
    if (lane === undefined) return;
    const { session } = lane;
    const { node } = session;
    const confirmed = !session.takeLocalCommit();
    lane.left(this, true);
    if (this.abandoned) return;
    if (!confirmed && this.call.access === 'read-write') {
      this.#fail(session, this.#owner.unacknowledged());
      return;
    }
    const result = { rows, rowCount, fields, command, node };
    const { settlement } = this;
    this.settlement = undefined;
    if (settlement === undefined) this.resolve(result);
    else settlement.resolve(result);
  }

  failed(error: unknown): void {
    const { lane } = this;
    if (lane === undefined) return;
    const { session } = lane;
    session.takeLocalCommit();
    session.noteHandedAt(this.sentAt);
    lane.left(this, false);
    if (!this.abandoned) this.#fail(session, error);
  }

  #fail(session: S, error: unknown): void {
    const { settlement } = this;
    this.settlement = undefined;
    if (settlement === undefined) this.#owner.failed(this, session, error);
    else settlement.reject(error);
  }
}
