import type { Search } from '../call/call.ts';
import type { WaitingElsewhere } from '../pool/callers.ts';
import type { Timer } from '../time/port.ts';
import { Lane, type LanePorts } from './lane.ts';
import {
  admission,
  connectionsForLong,
  joinsFromQueue,
  longJoins,
  longRoom,
  type PlanLimits,
  planLimits,
  triesLane,
  usableLanes,
} from './plan.ts';
import type { NodeLanesPorts, Queued } from './ports.ts';
import { enqueue, type QueuedStatement, type StatementQueue, statementQueue } from './queue.ts';
import { isLong, LONG_MS, type Surprises } from './service-time.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';
import { StandIns } from './stand-ins.ts';
import { isTried } from './statement-facts.ts';

/** How often lanes are checked for sessions that the pool would close, milliseconds. */
const CHECK_MS = 100;
/** The quickest answer grows by this factor with each slower one, so that it follows a lasting change. */
const FLOOR_GROWTH = 1.005;
/** A text that was seen waiting for a lock does not share for so long, milliseconds. */
const ALONE_MS = 10_000;
/** Number of waiting statements that are examined for one that fits. */
const LOOKED_AT = 8;

/**
 * The lanes of one node for one kind of access. A lane is leased from the pool for its first statement and
 * released after its last. Which statement joins which lane, and when, is decided in `plan.ts`.
 */
export class NodeLanes<S extends LaneSession> implements LanePorts<S>, WaitingElsewhere {
  readonly #ports: NodeLanesPorts<S>;
  readonly #limits: PlanLimits;
  readonly #lanes: Lane<S>[] = [];
  readonly #waiting: StatementQueue<S>;
  /** Long statements that are held back, so that others do not queue behind them. */
  readonly #long: StatementQueue<S>;
  readonly #standIns: StandIns<S>;
  readonly #served: (waitedMs: number) => void;
  #checkedAt = 0;
  /** When a short statement was last seen. */
  #shortAt = Number.NEGATIVE_INFINITY;
  /** Set while a statement is held back. */
  #lookAgain: Timer | undefined;
  #floorMs = Number.POSITIVE_INFINITY;
  readonly sharing: boolean;
  readonly now: () => number;

  constructor(ports: NodeLanesPorts<S>) {
    this.#ports = ports;
    this.sharing = ports.sharing;
    this.now = ports.now;
    const { clock, pool } = ports;
    const late = (waiting: QueuedStatement<S>, now: number) => ports.late(waiting, now);
    this.#waiting = statementQueue<S>(clock, late, () => this.#standIns.adjust());
    this.#long = statementQueue<S>(clock, late, () => undefined);
    this.#standIns = new StandIns<S>({
      clock,
      max: () => pool.max,
      wanted: () => this.#waiting.size,
      hesitates: () => triesLane(this.#lanes, this.now()),
      lease: (search, queued) => this.#lease(search, queued),
      came: (session) => this.#use(session),
      elsewhere: (search) => this.#sendAway(search),
      failed: (error) => {
        for (const { shared } of this.#takeAll()) shared.reject(error);
      },
    });
    this.#served = pool.represents(this);
    this.#limits = planLimits(ports.limits);
  }

  /**
   * Whether the statement has to wait although a connection may be free: it is long, and short ones would
   * find none. All connections but one then run long statements.
   */
  holdsBack(shared: SharedStatement<S>): boolean {
    return this.#noteLength(shared) && this.#longRoom(this.now()) <= 0;
  }

  /** Whether it is long; records the time of a short one. */
  #noteLength({ facts }: SharedStatement<S>): boolean {
    if (isLong(facts.time)) return true;
    this.#shortAt = this.now();
    return false;
  }

  /**
   * Sends the statement on the first lane that has room; returns `false` if none has.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it cannot be sent.
   */
  admit(shared: SharedStatement<S>): boolean {
    const lanes = this.#lanes;
    if (lanes.length === 0) return false;
    const now = this.now();
    const usable = this.#usableLanes();
    for (let index = 0; index < usable; index++) {
      const lane = lanes[index];
      if (lane === undefined) break;
      const found = admission(lane, shared.facts, now, this.#limits);
      if (found === 'waits') lane.noteOverdue(now);
      if (found === 'waits' || (found === 'on-trial' && !isTried(shared.facts))) continue;
      lane.send(shared);
      return true;
    }
    return false;
  }

  /**
   * Makes a lane of a leased session and sends the statement on it.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if it cannot be sent; the session is released then.
   */
  open(session: S, shared: SharedStatement<S>): void {
    const lane = new Lane<S>(session, this);
    this.#lanes.push(lane);
    this.#ports.inFlight.attach(lane);
    try {
      lane.send(shared);
    } catch (error) {
      this.emptied(lane);
      throw error;
    }
    if (this.#waiting.size > 0) this.#fill(lane);
  }

  left(lane: Lane<S>, answered: boolean): void {
    if (answered) this.#ports.answered(lane.session);
    else this.#ports.failed();
    if (this.#waiting.size + this.#long.size > 0) this.#fill(lane);
  }

  emptied(lane: Lane<S>): void {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return;
    this.#lanes.splice(index, 1);
    this.#ports.inFlight.detach(lane);
    this.#ports.release(lane.session);
    if (this.#long.size > 0) this.#reviewLong();
  }

  measured(lane: Lane<S>, perStatementMs: number): void {
    this.#ports.inFlight.measured(perStatementMs);
    this.#check(lane);
  }

  get newTexts(): Surprises {
    return this.#ports.newTexts;
  }

  /** What waits for a lock is likely to do so again: others must not stand behind it, nor behind the next one of its text. */
  stalled(lane: Lane<S>): void {
    const { head } = lane;
    if (head === undefined) return;
    void this.#ports.waitsForLock(lane.session).then((waits) => {
      if (waits) lane.waitsForLock(head, this.#ports.clock.now() + ALONE_MS);
    });
  }

  floorMs(aloneMs: number): number {
    this.#floorMs = Math.min(aloneMs, this.#floorMs * FLOOR_GROWTH);
    return Math.min(this.#floorMs, this.#ports.rttMs() ?? this.#floorMs);
  }

  slackMs(): number {
    return (this.#floorMs === Number.POSITIVE_INFINITY ? 0 : 2 * this.#floorMs) + this.#ports.turnMs();
  }

  /** Number of waiting statements, without those that have a stand-in in the pool's queue. */
  get count(): number {
    return this.#long.size + Math.max(0, this.#waiting.size - this.#standIns.queued);
  }

  get oldestSince(): number | undefined {
    const since = this.#waiting.first?.since;
    const heldSince = this.#long.first?.since;
    return since === undefined || heldSince === undefined ? (since ?? heldSince) : Math.min(since, heldSince);
  }

  /** Queues a statement until a lane has room, a connection is available, or the node has none to give. */
  queue(shared: SharedStatement<S>, deadline: number, since: number): void {
    if (this.#noteLength(shared)) {
      this.#holdBack(shared, deadline, since);
      this.#releaseLong(undefined, this.now());
    } else enqueue(this.#waiting, shared, deadline, since, this.#ports.clock.now());
    this.#standIns.adjust();
  }

  #holdBack(shared: SharedStatement<S>, deadline: number, since: number): void {
    enqueue(this.#long, shared, deadline, since, this.#ports.clock.now());
    this.#lookLater();
  }

  #lookLater(): void {
    this.#lookAgain ??= this.#ports.clock.schedule(LONG_MS, () => this.#reviewLong(), { ref: false });
  }

  #longRoom(now: number): number {
    return longRoom(this.#lanes, this.#shortAt, now, this.#ports.pool.max);
  }

  #usableLanes(): number {
    const { starving } = this.#ports.pool;
    return starving === 0
      ? this.#lanes.length
      : usableLanes(this.#lanes.length, starving, this.#standIns.queued);
  }

  /** Sends waiting statements, in order, on a lane that has room again. */
  #fill(lane: Lane<S>): void {
    if (this.#lanes.indexOf(lane) >= this.#usableLanes()) return;
    const now = this.now();
    this.#releaseLong(lane, now);
    let looked = 0;
    for (const waiting of this.#waiting) {
      if (looked++ === LOOKED_AT || !lane.isOpen) break;
      const { shared } = waiting;
      if (this.#putBack(waiting)) continue;
      if (!joinsFromQueue(lane, shared.facts, now, this.#limits)) continue;
      looked = 0;
      if (this.#takeForUse(waiting, now)) sendOn(lane, shared);
    }
    this.#standIns.adjust();
  }

  /**
   * Releases long statements: the oldest join `lane`, others wait for as many connections as may be opened.
   */
  #releaseLong(lane: Lane<S> | undefined, now: number): void {
    let room = this.#longRoom(now);
    for (const held of this.#long) {
      if (
        lane === undefined ||
        room <= 0 ||
        !longJoins(lane, held, this.#waiting.first?.since, now, this.#limits)
      )
        break;
      room--;
      if (this.#takeForUse(held, now)) sendOn(lane, held.shared);
    }
    let connections = connectionsForLong(room, this.#ports.pool.max, this.#lanes.length, this.#waiting.size);
    for (const held of this.#long) {
      if (connections-- <= 0) return;
      const { shared, deadline, since } = held;
      this.#long.take(held);
      enqueue(this.#waiting, shared, deadline, since, this.#ports.clock.now());
    }
  }

  /**
   * Called when a connection became free, and regularly: short statements may have stopped, the node may no
   * longer suit.
   */
  #reviewLong(): void {
    this.#lookAgain?.cancel();
    this.#lookAgain = undefined;
    const { first } = this.#long;
    if (first !== undefined && !this.#ports.suits(first.shared)) this.#sendUnsuitedAway();
    this.#releaseLong(undefined, this.now());
    this.#standIns.adjust();
    if (this.#long.size > 0) this.#lookLater();
  }

  /** Statements that are held back have no stand-in that would learn that the node no longer suits. */
  #sendUnsuitedAway(): void {
    for (const held of this.#long) {
      if (this.#ports.suits(held.shared)) continue;
      this.#long.take(held);
      this.#ports.elsewhere(held, undefined);
    }
  }

  /** Holds a waiting statement back if it has turned out to be long. */
  #putBack(waiting: QueuedStatement<S>): boolean {
    const { shared, deadline, since } = waiting;
    if (!this.holdsBack(shared)) return false;
    this.#waiting.take(waiting);
    this.#holdBack(shared, deadline, since);
    return true;
  }

  #takeAll(): QueuedStatement<S>[] {
    return [...this.#waiting.takeAll(), ...this.#long.takeAll()];
  }

  /**
   * Takes a statement out of its queue to be sent; if the node no longer suits, the statement looks for
   * another one.
   */
  #takeForUse(waiting: QueuedStatement<S>, now: number): boolean {
    waiting.takeOut();
    if (!this.#ports.suits(waiting.shared)) {
      this.#ports.elsewhere(waiting, undefined);
      return false;
    }
    this.#served(now - waiting.since);
    return true;
  }

  /** A connection is available: it is needed only if no lane has room. */
  #use(session: S): void {
    const now = this.now();
    for (const waiting of this.#waiting) {
      if (this.#putBack(waiting) || !this.#takeForUse(waiting, now)) continue;
      if (this.#sendOrOpen(session, waiting.shared)) return;
    }
    this.#ports.release(session);
  }

  /** Whether the session was used, or released after a failure. */
  #sendOrOpen(session: S, shared: SharedStatement<S>): boolean {
    let opens = false;
    try {
      opens = !this.admit(shared);
      if (opens) this.open(session, shared);
    } catch (error) {
      shared.reject(error);
    }
    return opens;
  }

  #sendAway(search: Search): void {
    for (const waiting of this.#takeAll()) this.#ports.elsewhere(waiting, search);
  }

  /** On behalf of the statement that waits longest; others are checked when the connection is available. */
  async #lease(search: Search, queued: Queued): Promise<S | undefined> {
    const call = this.#waiting.first?.shared.call;
    if (call === undefined) return undefined;
    const unlimited = { ...call, deadline: Number.POSITIVE_INFINITY, signal: undefined, scope: undefined };
    return this.#ports.lease(unlimited, search, queued);
  }

  #check(lane: Lane<S>): void {
    const now = this.now();
    if (now - this.#checkedAt < CHECK_MS || lane.depth === 0) return;
    this.#checkedAt = now;
    for (const one of this.#lanes) {
      if (this.#ports.pool.outworn(one.session) !== undefined) one.leaving = true;
    }
  }
}

function sendOn<S extends LaneSession>(lane: Lane<S>, shared: SharedStatement<S>): void {
  try {
    lane.send(shared);
  } catch (error) {
    shared.reject(error);
  }
}
