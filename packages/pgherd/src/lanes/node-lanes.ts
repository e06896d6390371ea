import type { Access } from '../model/names.ts';
import type { Line } from '../pool/lines.ts';
import type { Timer } from '../time/port.ts';
import { Lane, type LanePorts } from './lane.ts';
import { NodeTimes } from './node-times.ts';
import {
  admission,
  connectionsForLong,
  joinsFromQueue,
  longJoins,
  longRoom,
  type PlanLimits,
  planLimits,
  TRIAL_MS,
  triesLane,
} from './plan.ts';
import type { NodeLanesPorts } from './ports.ts';
import type { QueuedStatement } from './queue.ts';
import { isLong, LONG_MS } from './service-time.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';
import { isTried } from './statement-facts.ts';
import { WaitingStatements } from './waiting-statements.ts';

/** How often lanes are checked for sessions that the pool would close, milliseconds. */
const CHECK_MS = 100;
/** A text that was seen waiting for a lock does not share for so long, milliseconds. */
const ALONE_MS = 10_000;
/** Number of waiting statements that are examined for one that fits. */
const LOOKED_AT = 8;

/**
 * The lanes of one node for one kind of access, and a line of the pool's queue: the statements that wait. A lane is leased from
 * the pool for its first statement and released after its last. Which statement joins which lane, and when, is decided in `plan.ts`.
 */
export class NodeLanes<S extends LaneSession> implements LanePorts<S>, Line<S> {
  readonly #ports: NodeLanesPorts<S>;
  readonly #limits: PlanLimits;
  /** Those with statements, in the order in which they got their first. */
  readonly #lanes: Lane<S>[] = [];
  readonly #bySession = new WeakMap<S, Lane<S>>();
  readonly #waiting: WaitingStatements<S>;
  readonly #times: NodeTimes;
  /** Sessions whose access is being changed. */
  #preparing = 0;
  #checkedAt = 0;
  /** When a short statement was last seen. */
  #shortAt = Number.NEGATIVE_INFINITY;
  /** Set while a statement is held back. */
  #lookAgain: Timer | undefined;
  /** Whether a lane is waited for that has not answered yet. */
  #awaitsTrial = false;
  readonly access: Access;
  readonly sharing: boolean;

  constructor(ports: NodeLanesPorts<S>) {
    this.#ports = ports;
    this.access = ports.access;
    this.sharing = ports.sharing;
    this.#times = new NodeTimes(ports);
    this.#waiting = new WaitingStatements<S>(ports.clock, (waiting, now) => ports.late(waiting, now));
    this.#limits = planLimits(ports.limits);
    ports.pool.addLine(this);
  }

  /**
   * Whether the statement has to wait although a connection may be free: it is long, and short ones would
   * find none. All connections but one then run long statements.
   */
  holdsBack(shared: SharedStatement<S>, now: number): boolean {
    return this.#noteLength(shared, now) && this.#longRoom(now) <= 0;
  }

  /** Whether it is long; records the time of a short one. */
  #noteLength({ facts }: SharedStatement<S>, now: number): boolean {
    if (isLong(facts.time)) return true;
    this.#shortAt = now;
    return false;
  }

  /**
   * Sends the statement on the first lane that has room; returns `false` if none has.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it cannot be sent.
   */
  admit(shared: SharedStatement<S>, now: number): boolean {
    const lanes = this.#lanes;
    if (lanes.length === 0) return false;
    const usable = this.#usableLanes();
    for (let index = 0; index < usable; index++) {
      const lane = lanes[index];
      if (lane === undefined) break;
      const found = admission(lane, shared.facts, now, this.#limits);
      if (found === 'waits') lane.noteOverdue(now);
      if (found === 'waits' || (found === 'on-trial' && !isTried(shared.facts))) continue;
      lane.send(shared, now);
      return true;
    }
    return false;
  }

  /**
   * Makes a lane of a leased session and sends the statement on it.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it cannot be sent; the session is released then.
   */
  open(session: S, shared: SharedStatement<S>, now: number): void {
    session.allowMove();
    const lane = this.#laneOf(session);
    lane.begin(now);
    this.#lanes.push(lane);
    this.#ports.inFlight.attach(lane);
    try {
      lane.send(shared, now);
    } catch (error) {
      this.emptied(lane, now);
      throw error;
    }
    if (this.#waiting.short.size > 0) this.#fill(lane, now);
  }

  /** A session has its lane for life. */
  #laneOf(session: S): Lane<S> {
    let lane = this.#bySession.get(session);
    if (lane === undefined) {
      lane = new Lane<S>(session, this, this.#times);
      this.#bySession.set(session, lane);
    }
    return lane;
  }

  left(lane: Lane<S>, answered: boolean, now: number): void {
    if (answered) this.#ports.answered(lane.session);
    else this.#ports.failed();
    if (this.#waiting.size > 0) this.#fill(lane, now);
  }

  emptied(lane: Lane<S>, now: number): void {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return;
    if (index === this.#lanes.length - 1) this.#lanes.pop();
    else this.#lanes.splice(index, 1);
    this.#ports.release(lane.session, now);
    if (this.#waiting.long.size > 0) this.#reviewLong();
  }

  measured(lane: Lane<S>, perStatementMs: number, now: number): void {
    this.#ports.inFlight.measured(perStatementMs, now);
    this.#check(lane, now);
  }

  /** What waits for a lock is likely to do so again: others must not stand behind it, nor behind the next one of its text. */
  stalled(lane: Lane<S>): boolean {
    const { head } = lane;
    if (head === undefined) return true;
    const asking = this.#ports.waitsForLock(lane.session);
    void asking?.then((waits) => {
      if (waits) lane.waitsForLock(head, this.#ports.clock.now() + ALONE_MS);
    });
    return asking !== undefined;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get wanted(): number {
    if (this.#waiting.size === 0) return 0;
    return Math.max(0, this.#waiting.short.size + this.#wantedByLong() - this.#preparing);
  }

  get wantsOpened(): number {
    if (this.#waiting.short.size === 0 || !triesLane(this.#lanes, this.#times.now())) return this.wanted;
    this.#reviewAfterTrial();
    return this.#wantedByLong();
  }

  /** How many connections the long statements would take now. */
  #wantedByLong(): number {
    const { size } = this.#waiting.long;
    if (size === 0) return 0;
    const room = this.#longRoom(this.#times.now());
    const { max } = this.#ports.pool;
    return Math.min(size, connectionsForLong(room, max, this.#lanes.length, this.#waiting.short.size));
  }

  get oldestSince(): number | undefined {
    return this.#waiting.oldestSince;
  }

  get nextSince(): number | undefined {
    if (this.wanted === 0) return undefined;
    return this.#nextInLine()?.since;
  }

  #nextInLine(): QueuedStatement<S> | undefined {
    return this.#waiting.next(this.#wantedByLong() > 0);
  }

  /** A connection is free: it goes to the statement that has waited longest, unless a lane has room for that one by now. */
  serve(session: S): void {
    const next = this.#nextInLine();
    const now = this.#times.now();
    if (next === undefined || session.connection.closed) {
      this.#ports.release(session, now);
      return;
    }
    const { call } = next.shared;
    if (session.suits(this.access)) {
      this.#ports.hand(session, call);
      this.#use(session, now);
      return;
    }
    this.#preparing++;
    void this.#ports.prepare(session, call).then((prepared) => {
      this.#preparing--;
      if (prepared !== undefined) this.#use(prepared, this.#times.now());
      this.#ports.pool.review();
    });
  }

  rejectAll(error: () => unknown): void {
    for (const waiting of this.#waiting.takeAll()) this.#ports.refused(waiting, error());
  }

  /** Queues a statement until a lane has room, a connection is available, or the node has none to give. */
  queue(shared: SharedStatement<S>, deadline: number, since: number): void {
    const isLong = this.#noteLength(shared, this.#times.now());
    this.#waiting.add(isLong ? this.#waiting.long : this.#waiting.short, shared, deadline, since);
    if (isLong) this.#lookLater();
    this.#ports.pool.review();
  }

  #lookLater(): void {
    this.#lookAgain ??= this.#ports.clock.schedule(LONG_MS, () => this.#reviewLong(), { ref: false });
  }

  #reviewAfterTrial(): void {
    if (this.#awaitsTrial) return;
    this.#awaitsTrial = true;
    const review = () => {
      this.#awaitsTrial = false;
      this.#ports.pool.review();
    };
    this.#ports.clock.schedule(TRIAL_MS, review, { ref: false });
  }

  #longRoom(now: number): number {
    return longRoom(this.#lanes, this.#shortAt, now, this.#ports.pool.max);
  }

  /**
   * How many lanes, the oldest ones, accept statements. Others that wait for a connection, when none can be opened, come first:
   * one lane runs empty for each of them.
   */
  #usableLanes(): number {
    return this.#lanes.length - this.#ports.pool.starvingBeside(this);
  }

  /** Sends waiting statements, in order, on a lane that has room again. */
  #fill(lane: Lane<S>, now: number): void {
    if (this.#lanes.indexOf(lane) >= this.#usableLanes()) return;
    if (this.#waiting.long.size > 0) this.#fillWithLong(lane, now);
    let looked = 0;
    for (const waiting of this.#waiting.short) {
      if (looked++ === LOOKED_AT || !lane.isOpen) break;
      const { shared } = waiting;
      if (this.#putBack(waiting, now)) continue;
      if (!joinsFromQueue(lane, waiting, now, this.#limits)) continue;
      looked = 0;
      if (this.#takeForUse(waiting, now)) sendOn(lane, shared, now);
    }
    if (this.#waiting.size > 0) this.#ports.pool.review();
  }

  /** The oldest of the long statements join the lane. */
  #fillWithLong(lane: Lane<S>, now: number): void {
    let room = this.#longRoom(now);
    for (const held of this.#waiting.long) {
      if (room-- <= 0 || !longJoins(lane, held, this.#waiting.short.first?.since, now, this.#limits)) return;
      if (this.#takeForUse(held, now)) sendOn(lane, held.shared, now);
    }
  }

  /**
   * Called when a connection became free, and regularly: short statements may have stopped, the node may no
   * longer suit.
   */
  #reviewLong(): void {
    this.#lookAgain?.cancel();
    this.#lookAgain = undefined;
    const { first } = this.#waiting.long;
    if (first !== undefined && !this.#ports.suits(first.shared)) this.#sendUnsuitedAway();
    this.#ports.pool.review();
    if (this.#waiting.long.size > 0) this.#lookLater();
  }

  /** Nothing else would find out that the node no longer suits statements that are held back. */
  #sendUnsuitedAway(): void {
    for (const held of this.#waiting.long) {
      if (this.#ports.suits(held.shared)) continue;
      held.takeOut();
      this.#ports.elsewhere(held);
    }
  }

  /** Holds a waiting statement back if it has turned out to be long. */
  #putBack(waiting: QueuedStatement<S>, now: number): boolean {
    if (!this.holdsBack(waiting.shared, now)) return false;
    this.#waiting.holdBack(waiting);
    this.#lookLater();
    return true;
  }

  /**
   * Takes a statement out of its queue to be sent; if the node no longer suits, the statement looks for
   * another one.
   */
  #takeForUse(waiting: QueuedStatement<S>, now: number): boolean {
    waiting.takeOut();
    if (waiting.shared.isOver) return false;
    if (!this.#ports.suits(waiting.shared)) {
      this.#ports.elsewhere(waiting);
      return false;
    }
    this.#ports.pool.noteServed(now - waiting.since);
    return true;
  }

  /** A connection is available: it is needed only if no lane has room. */
  #use(session: S, now: number): void {
    for (let next = this.#nextInLine(); next !== undefined; next = this.#nextInLine()) {
      if (this.#waiting.short.first === next && this.#putBack(next, now)) continue;
      if (!this.#takeForUse(next, now)) continue;
      if (this.#sendOrOpen(session, next.shared, now)) return;
    }
    this.#ports.release(session, now);
  }

  /** Whether the session was used, or released after a failure. */
  #sendOrOpen(session: S, shared: SharedStatement<S>, now: number): boolean {
    let opens = false;
    try {
      opens = !this.admit(shared, now);
      if (opens) this.open(session, shared, now);
    } catch (error) {
      shared.reject(error);
    }
    return opens;
  }

  #check(lane: Lane<S>, now: number): void {
    if (now - this.#checkedAt < CHECK_MS || lane.depth === 0) return;
    this.#checkedAt = now;
    for (const one of this.#lanes) {
      if (this.#ports.pool.outworn(one.session) !== undefined) one.leaving = true;
    }
  }
}

function sendOn<S extends LaneSession>(lane: Lane<S>, shared: SharedStatement<S>, now: number): void {
  try {
    lane.send(shared, now);
  } catch (error) {
    shared.reject(error);
  }
}
