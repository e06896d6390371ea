import type { Call, Search } from '../call/call.ts';
import type { InFlight } from '../node/in-flight.ts';
import type { Session } from '../node/session.ts';
import type { LaneLimits } from '../options/settings.ts';
import type { WaitingElsewhere } from '../pool/callers.ts';
import type { Clock, Timer } from '../time/port.ts';
import { hasRoom, type LaneState, roomForLong } from './admission.ts';
import { Lane } from './lane.ts';
import { enqueue, type QueuedStatement, type StatementQueue, statementQueue } from './queue.ts';
import { isLong, LONG_MS } from './service-time.ts';
import type { SharedStatement } from './shared-statement.ts';
import { StandIns, TRIAL_MS } from './stand-ins.ts';
import { isTried } from './statement-facts.ts';

/** What the lanes of a node need. */
export interface NodeLanesPorts<C> {
  readonly limits: LaneLimits;
  /** Whether statements share connections; else each has one for itself while it runs. */
  readonly sharing: boolean;
  readonly clock: Clock;
  /** The moment, read once in a turn of the event loop. */
  now(): number;
  /** How long a probe takes there and back, milliseconds; `undefined` where not known. */
  rttMs(): number | undefined;
  /** About how long a turn of our event loop takes now, milliseconds. */
  turnMs(): number;
  readonly inFlight: InFlight;
  /** Callers that wait for a connection of the node's pool and for whom none can be opened. */
  starving(): number;
  /** Why the session would be closed if it came back now; `undefined` where it would be kept. */
  outworn(session: Session<C>): string | undefined;
  /** Gives back a session that nobody uses any more. */
  release(session: Session<C>): void;
  /** Whether the node still suits what the statement asks for. */
  suits(shared: SharedStatement<C>): boolean;
  /** Most connections that the pool may open. */
  max(): number;
  /** A connection of the node for `call`; `undefined` where another node must be looked for, and `search` says why. */
  lease(
    call: Call,
    search: Search,
    queued: (leave: (why: unknown) => void) => void,
  ): Promise<Session<C> | undefined>;
  /** A statement waited in vain here and looks for a node anew. */
  elsewhere(waiting: QueuedStatement<C>, search: Search | undefined): void;
  /** A statement has waited until its deadline. */
  late(waiting: QueuedStatement<C>, now: number): void;
  /** Makes the pool count what waits here; gives what it is to be told for each statement that no longer waits. */
  represent(waiting: WaitingElsewhere): (waitedMs: number) => void;
  answered(lane: Lane<C>): void;
  failed(): void;
}

/** How often it is asked whether a session that is never given back is worn, milliseconds. */
const CHECK_MS = 100;
/** What the quickest answer is taken to be grows by this with each answer that is not, so that it may become slower for good. */
const FLOOR_GROWTH = 1.005;
/** Where no connection is to be had, a queue on a lane may be so many times longer: the alternative is to wait as well. */
const WAITING_FACTOR = 5;
/** How many that wait are looked at for one that fits. */
const LOOKED_AT = 8;

/**
 * The lanes of one node for one kind of access. A lane is leased from the pool for its first statement and given back
 * after its last. Callers who wait for a connection of their own go before statements: where no connection can be opened for
 * them, as many lanes take no more statements, so that they run empty within moments.
 */
export class NodeLanes<C> implements WaitingElsewhere {
  readonly #ports: NodeLanesPorts<C>;
  readonly #lanes: Lane<C>[] = [];
  readonly #waiting: StatementQueue<C>;
  /** Long ones that wait: the others must not stand behind them. */
  readonly #long: StatementQueue<C>;
  readonly #standIns: StandIns<C>;
  #checkedAt = 0;
  /** When a statement that is not long was last seen. */
  #shortAt = Number.NEGATIVE_INFINITY;
  /** Set as long as somebody is held back. */
  #lookAgain: Timer | undefined;
  #floorMs = Number.POSITIVE_INFINITY;
  /** Limits for a statement that is tried behind others, and for those that would wait anyway. */
  readonly #onTrial: LaneLimits;
  readonly #forWaiting: LaneLimits;
  readonly #served: (waitedMs: number) => void;

  constructor(ports: NodeLanesPorts<C>) {
    this.#ports = ports;
    const { clock, limits } = ports;
    const late = (waiting: QueuedStatement<C>, now: number) => ports.late(waiting, now);
    this.#waiting = statementQueue<C>(clock, late, () => this.#standIns.adjust());
    this.#long = statementQueue<C>(clock, late, () => undefined);
    this.#standIns = new StandIns<C>({
      clock,
      max: () => ports.max(),
      wanted: () => this.#waiting.size,
      hesitates: () => this.#triesLane(),
      lease: (search, queued) => this.#lease(search, queued),
      came: (session) => this.#use(session),
      elsewhere: (search) => this.#sendAway(search),
      failed: (error) => {
        for (const { shared } of this.#takeAll()) shared.reject(error);
      },
    });
    this.#served = ports.represent(this);
    this.#onTrial = Object.freeze({ ...limits, maxQueueMs: LONG_MS });
    this.#forWaiting = Object.freeze({ ...limits, maxQueueMs: WAITING_FACTOR * limits.maxQueueMs });
  }

  /**
   * Whether the statement has to wait although a connection may be free: it is long, and others that are not would find none. As
   * many long ones run then as there are connections but one, so that one of them ends.
   */
  holdsBack(shared: SharedStatement<C>): boolean {
    return this.#noteLength(shared) && this.#roomForLong(this.#ports.now()) <= 0;
  }

  /** Whether it is long; takes note of one that is not. */
  #noteLength({ facts }: SharedStatement<C>): boolean {
    if (isLong(facts.time)) return true;
    this.#shortAt = this.#ports.now();
    return false;
  }

  /**
   * Sends the statement by the first lane that has room; `false` where none has.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` where it cannot be sent.
   */
  admit(shared: SharedStatement<C>): boolean {
    const lanes = this.#lanes;
    if (lanes.length === 0) return false;
    const now = this.#ports.now();
    const usable = lanes.length - this.#foreign();
    for (let index = 0; index < usable; index++) {
      const lane = lanes[index];
      if (lane === undefined || !this.#fits(lane, shared, now)) continue;
      lane.send(shared);
      return true;
    }
    return false;
  }

  /**
   * Makes a lane of a leased session and sends the statement by it.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` where it cannot be sent; the session is given back then.
   */
  open(session: Session<C>, shared: SharedStatement<C>): void {
    const { inFlight, now, answered, failed, sharing } = this.#ports;
    const lane = new Lane<C>(session, {
      sharing,
      now,
      left: (one, well) => {
        if (well) answered(one);
        else failed();
        if (this.#waiting.size + this.#long.size > 0) this.#fill(one);
      },
      emptied: (one) => this.#close(one),
      floorMs: (aloneMs) => {
        this.#floorMs = Math.min(aloneMs, this.#floorMs * FLOOR_GROWTH);
        return Math.min(this.#floorMs, this.#ports.rttMs() ?? this.#floorMs);
      },
      slackMs: () =>
        (this.#floorMs === Number.POSITIVE_INFINITY ? 0 : 2 * this.#floorMs) + this.#ports.turnMs(),
      measured: (one, perStatementMs) => {
        inFlight.measured(perStatementMs);
        this.#check(one);
      },
    });
    this.#lanes.push(lane);
    inFlight.attach(lane);
    try {
      lane.send(shared);
    } catch (error) {
      this.#close(lane);
      throw error;
    }
    if (this.#waiting.size > 0) this.#fill(lane);
  }

  /** Statements that wait, without those whom an agent stands for in the pool's queue. */
  get count(): number {
    return this.#long.size + Math.max(0, this.#waiting.size - this.#standIns.queued);
  }

  get oldestSince(): number | undefined {
    const since = this.#waiting.first?.since;
    const heldSince = this.#long.first?.since;
    return since === undefined || heldSince === undefined ? (since ?? heldSince) : Math.min(since, heldSince);
  }

  /** Lets a statement wait, until there is room on a lane, another connection, or none to be had here. */
  queue(shared: SharedStatement<C>, deadline: number, since: number): void {
    if (this.#noteLength(shared)) {
      this.#holdBack(shared, deadline, since);
      this.#letGoOn(undefined, this.#ports.now());
    } else enqueue(this.#waiting, shared, deadline, since, this.#ports.clock.now());
    this.#standIns.adjust();
  }

  #holdBack(shared: SharedStatement<C>, deadline: number, since: number): void {
    enqueue(this.#long, shared, deadline, since, this.#ports.clock.now());
    this.#lookLater();
  }

  #lookLater(): void {
    this.#lookAgain ??= this.#ports.clock.schedule(LONG_MS, () => this.#letAllGoOn(), { ref: false });
  }

  /**
   * Whether a lane has just begun and not answered yet: it may have room for whoever waits before another connection is open, and a
   * server that was promoted this moment answers sooner while it has no sessions to make besides.
   */
  #triesLane(): boolean {
    const since = this.#ports.now() - TRIAL_MS;
    const tries = ({ untriedSince = since, headMs, shares }: Lane<C>) =>
      untriedSince > since && headMs < LONG_MS && shares;
    return this.#lanes.some(tries);
  }

  #roomForLong(now: number): number {
    if (now - this.#shortAt >= LONG_MS && !this.#lanes.some(isBusyWithShort)) return Number.POSITIVE_INFINITY;
    return roomForLong(this.#lanes, this.#ports.max());
  }

  #fits(lane: Lane<C>, shared: SharedStatement<C>, now: number): boolean {
    if (!this.#isOpen(lane)) return false;
    const { writes } = shared.facts;
    if (hasRoom(lane, writes, now, this.#ports.limits)) return true;
    return hasRoom(lane, writes, now, this.#onTrial) && isTried(shared.facts);
  }

  /** One that is not shared has room for the next between two of its statements. */
  #isOpen({ session, shares, depth }: Lane<C>): boolean {
    if (session.leaving || session.connection.closed) return false;
    return shares || (depth === 0 && session.isClean);
  }

  /** Callers of other kinds who wait for what the lanes hold. */
  #foreign(): number {
    const starving = this.#ports.starving();
    return starving === 0 ? 0 : Math.max(0, starving - this.#standIns.queued);
  }

  /** Lets those who wait board a lane that has room again, in their order. */
  #fill(lane: Lane<C>): void {
    if (this.#lanes.indexOf(lane) >= this.#lanes.length - this.#foreign()) return;
    const now = this.#ports.now();
    this.#letGoOn(lane, now);
    let looked = 0;
    for (const waiting of this.#waiting) {
      if (looked++ === LOOKED_AT || !this.#isOpen(lane)) break;
      const { shared } = waiting;
      if (this.#putBack(waiting)) continue;
      if (!hasRoom(lane, shared.facts.writes, now, this.#forWaiting)) continue;
      looked = 0;
      if (this.#takeForUse(waiting, now)) sendOn(lane, shared);
    }
    this.#standIns.adjust();
  }

  /** Long ones go on, as many as may: on `lane` those who have waited longest, others for as many connections as may be had. */
  #letGoOn(lane: Lane<C> | undefined, now: number): void {
    let room = this.#roomForLong(now);
    for (const held of this.#long) {
      if (lane === undefined || room <= 0 || !this.#takesLong(lane, held, now)) break;
      room--;
      if (this.#takeForUse(held, now)) sendOn(lane, held.shared);
    }
    room = Math.min(room, this.#ports.max() - this.#lanes.length - this.#waiting.size);
    for (const held of this.#long) {
      if (room-- <= 0) return;
      const { shared, deadline, since } = held;
      this.#long.take(held);
      enqueue(this.#waiting, shared, deadline, since, this.#ports.clock.now());
    }
  }

  #takesLong(lane: Lane<C>, { shared, since }: QueuedStatement<C>, now: number): boolean {
    const { first } = this.#waiting;
    if (!this.#isOpen(lane) || (first !== undefined && first.since < since)) return false;
    return hasRoom(lane, shared.facts.writes, now, this.#forWaiting);
  }

  /** A connection has become free, or nothing short may have come for a while, or all is over here. */
  #letAllGoOn(): void {
    this.#lookAgain?.cancel();
    this.#lookAgain = undefined;
    const { first } = this.#long;
    if (first !== undefined && !this.#ports.suits(first.shared)) this.#sendUnsuitedAway();
    this.#letGoOn(undefined, this.#ports.now());
    this.#standIns.adjust();
    if (this.#long.size > 0) this.#lookLater();
  }

  /** No agent stands for those who are held back, who would be told that nothing is to be had here any more. */
  #sendUnsuitedAway(): void {
    for (const held of this.#long) {
      if (this.#ports.suits(held.shared)) continue;
      this.#long.take(held);
      this.#ports.elsewhere(held, undefined);
    }
  }

  /** Puts a statement that waits among those who are held back, where it is one of them by now. */
  #putBack(waiting: QueuedStatement<C>): boolean {
    const { shared, deadline, since } = waiting;
    if (!this.holdsBack(shared)) return false;
    this.#waiting.take(waiting);
    this.#holdBack(shared, deadline, since);
    return true;
  }

  #takeAll(): QueuedStatement<C>[] {
    return [...this.#waiting.takeAll(), ...this.#long.takeAll()];
  }

  /** Takes a statement out of its queue, to be sent; where the node does not suit it any more it looks for another one. */
  #takeForUse(waiting: QueuedStatement<C>, now: number): boolean {
    waiting.takeOut();
    if (!this.#ports.suits(waiting.shared)) {
      this.#ports.elsewhere(waiting, undefined);
      return false;
    }
    this.#served(now - waiting.since);
    return true;
  }

  /** A connection is there: it is needed only where there is no room on those in use. */
  #use(session: Session<C>): void {
    const now = this.#ports.now();
    for (const waiting of this.#waiting) {
      const { shared } = waiting;
      if (this.#putBack(waiting) || !this.#takeForUse(waiting, now)) continue;
      let boarded: boolean;
      try {
        boarded = this.admit(shared);
      } catch (error) {
        shared.reject(error);
        continue;
      }
      if (boarded) continue;
      try {
        this.open(session, shared);
      } catch (error) {
        // The connection was given back.
        shared.reject(error);
      }
      return;
    }
    this.#ports.release(session);
  }

  #sendAway(search: Search): void {
    for (const waiting of this.#takeAll()) this.#ports.elsewhere(waiting, search);
  }

  /** For whoever waits longest: what others want may differ, which is looked at when it is there. */
  async #lease(
    search: Search,
    queued: (leave: (why: unknown) => void) => void,
  ): Promise<Session<C> | undefined> {
    const call = this.#waiting.first?.shared.call;
    if (call === undefined) return undefined;
    const unlimited = { ...call, deadline: Number.POSITIVE_INFINITY, signal: undefined, scope: undefined };
    return this.#ports.lease(unlimited, search, queued);
  }

  #check(lane: Lane<C>): void {
    const now = this.#ports.now();
    if (now - this.#checkedAt < CHECK_MS || lane.depth === 0) return;
    this.#checkedAt = now;
    for (const one of this.#lanes) {
      if (this.#ports.outworn(one.session) !== undefined) one.leaving = true;
    }
  }

  #close(lane: Lane<C>): void {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return;
    this.#lanes.splice(index, 1);
    this.#ports.inFlight.detach(lane);
    this.#ports.release(lane.session);
    if (this.#long.size > 0) this.#letAllGoOn();
  }
}

/** Our own event loop may have been late to see the next one come. */
function isBusyWithShort({ depth, queueMs }: LaneState): boolean {
  return depth > 0 && queueMs < LONG_MS;
}

function sendOn<C>(lane: Lane<C>, shared: SharedStatement<C>): void {
  try {
    lane.send(shared);
  } catch (error) {
    shared.reject(error);
  }
}
