import type { Call, Search } from '../call/call.ts';
import type { PipelinedStatement } from '../connection/port.ts';
import type { Field, QueryResult, Row, Statement } from '../model/statement.ts';
import type { Session } from '../node/session.ts';
import type { Progress } from '../recovery/recovery.ts';
import { predictedMs } from './service-time.ts';
import type { StatementFacts } from './statement-facts.ts';

/** A lane as its tickets see it. */
export interface TicketLane<C> {
  readonly session: Session<C>;
  readonly depth: number;
  /** How many of them write. */
  readonly writes: number;
  /** The statement that the server works at. */
  readonly head: Ticket<C> | undefined;
  /** Statements whose callers still wait. */
  readonly awaited: number;
  /** Takes nobody any more. */
  leaving: boolean;
  /** The ticket is done with, with an answer or an error. */
  landed(ticket: Ticket<C>, answered: boolean): void;
  /** Nobody waits for the ticket any more; its answer still has to come. */
  abandon(ticket: Ticket<C>): void;
  /** Resolves when the last statement has left. */
  untilEmpty(): Promise<void>;
}

/** Who decides what becomes of a ticket that failed. */
export interface TicketOwner<C> {
  failed(ticket: Ticket<C>, session: Session<C>, error: unknown): void;
  /** Sets the limits of a call that has any, once it is on its way. */
  fly(ticket: Ticket<C>, session: Session<C>): Flight;
  /** The error of a write that no synchronous standby confirmed. */
  unacknowledged(): unknown;
}

/** Settles what runs on a lane for a call with a limit, which may end before the lane is done with it. */
export interface Flight {
  resolve(result: QueryResult<Row>): void;
  reject(error: unknown): void;
}

/**
 * One call's statement on its way over lanes. It is nowhere, waiting, or on exactly one lane; there it is answered or fails
 * once, and after a failure it may board another. Its caller is told once.
 */
export class Ticket<C> implements PipelinedStatement {
  readonly statement: Statement;
  readonly call: Call;
  readonly facts: StatementFacts;
  readonly prepare: boolean;
  readonly resolve: (result: QueryResult<Row>) => void;
  readonly reject: (error: unknown) => void;
  readonly #owner: TicketOwner<C>;
  /** Runs made so far, and where; `undefined` before the first failure. */
  progress: Progress | undefined;
  lane: TicketLane<C> | undefined;
  /** How it looks for a node, once one gave it no connection. */
  search: Search | undefined;
  /** What it was expected to take when it boarded, milliseconds. */
  costMs = 0;
  sentAt = 0;
  /** Only of a call with a deadline or a signal. */
  flight: Flight | undefined;
  /** Its caller gave up: nobody waits for the answer. */
  abandoned = false;

  constructor(
    owner: TicketOwner<C>,
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
  board(lane: TicketLane<C>, now: number): void {
    this.lane = lane;
    this.sentAt = now;
    this.costMs = predictedMs(this.facts.time);
  }

  /** It was handed to the connection. */
  sent(session: Session<C>): void {
    const { deadline, signal } = this.call;
    const limited = deadline !== Number.POSITIVE_INFINITY || signal !== undefined;
    // Of a connection that was gone already it has been told in the meantime.
    if (limited && this.lane !== undefined) this.flight = this.#owner.fly(this, session);
  }

  answered(rows: Row[], rowCount: number | null, fields: readonly Field[], command: string): void {
    const { lane } = this;
    if (lane === undefined) return;
    const { session } = lane;
    const { node } = session;
    const confirmed = !session.committedLocallyOnly;
    session.committedLocallyOnly = false;
    lane.landed(this, true);
    if (this.abandoned) return;
    if (!confirmed && this.call.access === 'read-write') {
      this.#fail(session, this.#owner.unacknowledged());
      return;
    }
    const result = { rows, rowCount, fields, command, node };
    const { flight } = this;
    this.flight = undefined;
    if (flight === undefined) this.resolve(result);
    else flight.resolve(result);
  }

  failed(error: unknown): void {
    const { lane } = this;
    if (lane === undefined) return;
    const { session } = lane;
    session.committedLocallyOnly = false;
    session.handedAt = this.sentAt;
    lane.landed(this, false);
    if (!this.abandoned) this.#fail(session, error);
  }

  #fail(session: Session<C>, error: unknown): void {
    const { flight } = this;
    this.flight = undefined;
    if (flight === undefined) this.#owner.failed(this, session, error);
    else flight.reject(error);
  }
}
