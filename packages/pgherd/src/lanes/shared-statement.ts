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
  /** Number of them that write. */
  readonly writes: number;
  /** The statement that the server executes. */
  readonly head: SharedStatement<S> | undefined;
  /** Statements whose callers still wait. */
  readonly awaited: number;
  /** Accepts no more statements. */
  leaving: boolean;
  /** The statement was answered (`true`) or failed. */
  left(shared: SharedStatement<S>, answered: boolean): void;
  /** The caller of the statement stopped waiting; its answer is still to come. */
  abandon(shared: SharedStatement<S>): void;
  /** Resolves when the last statement has left. */
  untilEmpty(): Promise<void>;
}

/** Decides what becomes of a statement that failed. */
export interface StatementOwner<S extends LaneSession> {
  failed(shared: SharedStatement<S>, session: S, error: unknown): void;
  /** Applies the limits of a call that has any, once the statement was sent. */
  limit(shared: SharedStatement<S>, session: S): Settlement;
  /** Whether the call of the statement has ended while it may still wait for a connection. */
  readonly isOver: boolean;
  /** The error of a write that no synchronous standby confirmed. */
  unacknowledged(): unknown;
}

/** Settles a call with limits, which may end before its statement leaves the lane. */
export interface Settlement {
  resolve(result: QueryResult<Row>): void;
  reject(error: unknown): void;
}

/**
 * A statement of one call that runs on lanes. It waits, or is on exactly one lane, where it is answered or
 * fails once; after a failure it may join another lane. Its call is settled once.
 */
export class SharedStatement<S extends LaneSession> implements PipelinedStatement {
  readonly statement: Statement;
  readonly call: Call;
  readonly facts: StatementFacts;
  readonly prepare: boolean;
  readonly resolve: (result: QueryResult<Row>) => void;
  readonly reject: (error: unknown) => void;
  readonly #owner: StatementOwner<S>;
  /** Attempts so far, and where they failed; `undefined` before the first failure. */
  progress: Progress | undefined;
  lane: StatementLane<S> | undefined;
  /** State of its search for a node, after one gave it no connection. */
  search: Search | undefined;
  /** Expected duration when it joined the lane, milliseconds. */
  costMs = 0;
  /** What surprises of it cost on average, when it joined, milliseconds. */
  riskMs = 0;
  /** Whether no other may join behind it. */
  bars = false;
  sentAt = 0;
  /** Present only if the call has a deadline or a signal. */
  settlement: Settlement | undefined;
  /** Whether its call is over; its answer may still say how. Only a call with limits can be over before. */
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

  /** Whether its call has ended, so that it need not be sent. */
  get isOver(): boolean {
    return this.#owner.isOver;
  }

  /** It joins a lane, which counts its cost until it leaves. `newTextsMs` is the risk of a text that never ran. */
  join(lane: StatementLane<S>, now: number, newTextsMs: number): void {
    const { time, writes, aloneUntil } = this.facts;
    this.lane = lane;
    this.call.record?.sent(lane.session.node, now, true);
    this.sentAt = now;
    this.costMs = predictedMs(time);
    this.riskMs = time.runs === 0 ? newTextsMs : time.riskMs;
    this.bars = (writes && time.runs === 0) || now < aloneUntil;
  }

  /** It was given to the connection. */
  sent(session: S): void {
    const { deadline, signal } = this.call;
    const limited = deadline !== Number.POSITIVE_INFINITY || signal !== undefined;
    // If the connection was gone already, the statement has failed by now.
    if (limited && this.lane !== undefined) this.settlement = this.#owner.limit(this, session);
  }

  answered(rows: Row[], rowCount: number | null, fields: readonly Field[], command: string): void {
    const { lane } = this;
    if (lane === undefined) return;
    const { session } = lane;
    const { node } = session;
    const unconfirmed = session.takeLocalCommit() && session.use === 'read-write';
    lane.left(this, true);
    if (unconfirmed) {
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
    this.#fail(session, error);
  }

  #fail(session: S, error: unknown): void {
    const { settlement } = this;
    this.settlement = undefined;
    if (settlement === undefined) this.#owner.failed(this, session, error);
    else settlement.reject(error);
  }
}
