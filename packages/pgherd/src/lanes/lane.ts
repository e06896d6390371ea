import { Fifo } from '../model/fifo.ts';
import type { LaneGauge } from '../node/in-flight.ts';
import type { NodeTimes } from './node-times.ts';
import type { LaneView } from './plan.ts';
import {
  learn,
  learnAlone,
  noteFirstRun,
  noteMore,
  noteRun,
  predictedMs,
  type ServiceTime,
  SURPRISE_MS,
  surpriseMs,
} from './service-time.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement, StatementLane } from './shared-statement.ts';

/** A first statement of this age may wait for a lock, milliseconds; it is looked at, and again each time it is so many times older. */
const STALL_MS = 100;
const STALL_FACTOR = 4;

/** What a lane reports to. */
export interface LanePorts<S extends LaneSession> {
  /** Whether statements may share the connection. */
  readonly sharing: boolean;
  /** A statement was answered (`true`) or failed; afterwards there may be room. */
  left(lane: Lane<S>, answered: boolean, now: number): void;
  /** The last statement has left. */
  emptied(lane: Lane<S>, now: number): void;
  /** How long the server worked at each of the statements that were answered just now, milliseconds. */
  measured(lane: Lane<S>, perStatementMs: number, now: number): void;
  /** The first statement has not moved for long: it may wait for a lock. Returns `false` if that has to be asked at the next look. */
  stalled(lane: Lane<S>): boolean;
}

/** One session shared by statements in flight. Between its last statement and the next first one it is empty, and not looked at. */
export class Lane<S extends LaneSession> implements LaneView, LaneGauge, StatementLane<S> {
  readonly session: S;
  readonly #ports: LanePorts<S>;
  readonly #times: NodeTimes;
  readonly #statements = new Fifo<SharedStatement<S>>();
  /** Service times of the statements that were answered in this turn of the event loop. */
  readonly #answered: ServiceTime[] = [];
  readonly #learnLater = () => this.#learn();
  #learnFrom = 0;
  #wasAlone = false;
  #onEmpty: (() => void) | undefined;
  depth = 0;
  writes = 0;
  queueMs = 0;
  riskMs = 0;
  barring = 0;
  headSince = 0;
  headMs = 0;
  leaving = false;
  #hasAnswered = false;
  /** When it began, as long as its session has never answered; `undefined` once it has. */
  untriedSince: number | undefined;
  /** See {@link LaneGauge}. */
  isCounted = false;
  /** Statements whose callers still wait. */
  awaited = 0;
  /** See {@link LaneGauge}. */
  lookAt = 0;
  /** The part of the first one's surprise that was taken in before it was answered, milliseconds. */
  #surprisedMs = 0;
  /** Age of the first one at which it is looked at for locks, milliseconds. */
  #stallAfterMs = STALL_MS;

  constructor(session: S, ports: LanePorts<S>, times: NodeTimes) {
    this.session = session;
    this.#ports = ports;
    this.#times = times;
  }

  /** Its session was leased for statements at `now`. */
  begin(now: number): void {
    this.leaving = false;
    if (!this.#hasAnswered) this.untriedSince = now;
  }

  /** Whether statements share the connection, if its driver allows it; otherwise there is room for one. */
  get shares(): boolean {
    return this.#ports.sharing && this.session.connection.pipeline !== undefined;
  }

  /** Whether a statement can be sent on it now. A lane that is not shared is free between two statements. */
  get isOpen(): boolean {
    const { session } = this;
    if (session.leaving || session.connection.closed) return false;
    return this.shares || (this.depth === 0 && session.isClean);
  }

  get slackMs(): number {
    return this.#times.slackMs;
  }

  /** The statement that the server executes. */
  get head(): SharedStatement<S> | undefined {
    return this.#statements.first;
  }

  /**
   * Sends a statement behind those in flight.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it cannot be sent; it was never on this lane then.
   */
  send(shared: SharedStatement<S>, now: number): void {
    shared.join(this, now, this.#times.newTexts.riskMs);
    this.#statements.push(shared);
    this.depth++;
    this.awaited++;
    if (shared.facts.writes) this.writes++;
    this.queueMs += shared.costMs;
    this.riskMs += shared.riskMs;
    if (shared.bars) this.barring++;
    if (this.depth === 1) this.#newHead(now);
    try {
      this.#hand(shared);
    } catch (error) {
      this.#statements.remove(shared);
      this.#leave(shared);
      shared.lane = undefined;
      throw error;
    }
    shared.sent(this.session);
  }

  /** Resolves when the last statement has left. */
  untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** A statement was answered or failed, nearly always the first one. */
  left(shared: SharedStatement<S>, answered: boolean): void {
    const now = this.#times.now();
    this.#hasAnswered = true;
    this.untriedSince = undefined;
    if (answered) this.#noteRun(shared, now);
    // Nearly always the first; not after a statement was sent again under another name.
    this.#statements.remove(shared);
    if (answered) this.#note(shared, now);
    this.#leave(shared);
    shared.lane = undefined;
    this.#newHead(now);
    this.#ports.left(this, answered, now);
    if (this.depth > 0) return;
    const onEmpty = this.#onEmpty;
    this.#onEmpty = undefined;
    onEmpty?.();
    this.#ports.emptied(this, now);
  }

  /** Its caller stopped waiting; its answer is still to come. */
  abandon(shared: SharedStatement<S>): void {
    shared.abandoned = true;
    this.awaited--;
  }

  /** A driver without pipelining takes one statement at a time. */
  #hand(shared: SharedStatement<S>): void {
    const { connection } = this.session;
    if (connection.pipeline !== undefined) {
      connection.pipeline(shared);
      return;
    }
    connection.query(shared.statement).then(
      ({ rows, rowCount, fields, command }) => shared.answered(rows, rowCount, fields, command),
      (error: unknown) => shared.failed(error),
    );
  }

  #leave(shared: SharedStatement<S>): void {
    this.depth--;
    if (!shared.abandoned) this.awaited--;
    if (shared.facts.writes) this.writes--;
    if (shared.bars) this.barring--;
    // Sums of fractions drift.
    this.queueMs = this.depth === 0 ? 0 : Math.max(0, this.queueMs - shared.costMs);
    this.riskMs = this.depth === 0 ? 0 : Math.max(0, this.riskMs - shared.riskMs);
  }

  /** The first one has not been answered by now: a surprise is taken in before others of its text join other lanes. */
  noteOverdue(now: number): void {
    const { head } = this;
    if (head === undefined || this.#surprisedMs > 0) return;
    this.#surprisedMs = this.#surprise(head, now);
    if (this.#surprisedMs > 0) this.#takeIn(head, this.#surprisedMs);
  }

  looked(now: number): void {
    const ageMs = now - this.headSince;
    if (ageMs < this.#stallAfterMs) return;
    if (this.#ports.stalled(this)) this.#stallAfterMs = ageMs * STALL_FACTOR;
  }

  /** The statement, first at that time, was seen waiting for a lock: until then no other is to stand behind one of its text. */
  waitsForLock(shared: SharedStatement<S>, until: number): void {
    shared.facts.aloneUntil = until;
    if (this.head !== shared || shared.bars) return;
    shared.bars = true;
    this.barring++;
  }

  #noteRun(shared: SharedStatement<S>, now: number): void {
    const { time } = shared.facts;
    if (this.head !== shared) {
      this.#takeIn(shared, 0);
      return;
    }
    const surprise = this.#surprise(shared, now);
    if (this.#surprisedMs === 0) this.#takeIn(shared, surprise);
    else noteMore(time, Math.max(0, surprise - this.#surprisedMs));
  }

  /** By how much the first one is a surprise by now. */
  #surprise({ costMs }: SharedStatement<S>, now: number): number {
    const tookMs = now - this.headSince;
    // Nearly always.
    return tookMs <= SURPRISE_MS ? 0 : surpriseMs(costMs, tookMs, this.slackMs);
  }

  #takeIn({ facts }: SharedStatement<S>, surprise: number): void {
    if (facts.time.runs === 0) noteFirstRun(facts.time, this.#times.newTexts, surprise);
    else noteRun(facts.time, surprise);
  }

  #newHead(now: number): void {
    this.headSince = now;
    this.#surprisedMs = 0;
    this.#stallAfterMs = STALL_MS;
    const { head } = this;
    if (head !== undefined) this.headMs = predictedMs(head.facts.time);
  }

  /** The answers of one turn of the event loop came together: only their total duration was measured. */
  #note({ facts, sentAt }: SharedStatement<S>, now: number): void {
    const { time } = facts;
    if (this.#answered.length > 0) {
      this.#answered.push(time);
      return;
    }
    queueMicrotask(this.#learnLater);
    this.#answered.push(time);
    // It was sent to an empty lane: the measured time includes the round trip.
    this.#wasAlone = sentAt >= this.headSince;
    this.#learnFrom = this.#wasAlone ? sentAt : this.headSince;
    if (this.#wasAlone) learnAlone(time, now - sentAt, this.#times.floorMs(now - sentAt));
  }

  #learn(): void {
    const times = this.#answered;
    const now = this.#times.now();
    const elapsedMs = now - this.#learnFrom;
    if (!this.#wasAlone || times.length > 1) learn(times, elapsedMs, this.#wasAlone);
    this.#ports.measured(this, elapsedMs / times.length, now);
    times.length = 0;
  }
}
