import type { InFlight } from '../in-flight.ts';
import type { Session } from '../session.ts';
import { hasRoom, type LaneLimits } from './admission.ts';
import { Lane } from './lane.ts';
import { LONG_MS } from './service-time.ts';
import { isTried } from './statement-facts.ts';
import type { Ticket } from './ticket.ts';

/** Told to a statement that waits for a connection when it went by another one: nothing is to be done any more. */
export class Boarded extends Error {}

/** A statement that waits for a connection, or for room on one. */
export interface Waiting<C> {
  readonly ticket: Ticket<C>;
  /** Takes it out of the pool's queue; `undefined` until it is there. */
  leave: ((why: unknown) => void) | undefined;
  boarded: boolean;
}

/** What the lanes of a node need. */
export interface NodeLanesPorts<C> {
  readonly limits: LaneLimits;
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
  suits(ticket: Ticket<C>): boolean;
  /** The error that sends a waiting statement to look for another node. */
  elsewhere(): unknown;
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
export class NodeLanes<C> {
  readonly #ports: NodeLanesPorts<C>;
  readonly #lanes: Lane<C>[] = [];
  readonly #waiting = new Set<Waiting<C>>();
  #checkedAt = 0;
  #floorMs = Number.POSITIVE_INFINITY;
  /** Limits for a statement that is tried behind others, and for those that would wait anyway. */
  readonly #onTrial: LaneLimits;
  readonly #forWaiting: LaneLimits;

  constructor(ports: NodeLanesPorts<C>) {
    this.#ports = ports;
    const { limits } = ports;
    this.#onTrial = Object.freeze({ ...limits, maxQueueMs: LONG_MS });
    this.#forWaiting = Object.freeze({ ...limits, maxQueueMs: WAITING_FACTOR * limits.maxQueueMs });
  }

  /**
   * Sends the statement by the first lane that has room; `false` where none has.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` where it cannot be sent.
   */
  admit(ticket: Ticket<C>): boolean {
    const lanes = this.#lanes;
    if (lanes.length === 0) return false;
    const now = this.#ports.now();
    const usable = lanes.length - this.#foreign();
    for (let index = 0; index < usable; index++) {
      const lane = lanes[index];
      if (lane === undefined || !this.#fits(lane, ticket, now)) continue;
      lane.send(ticket);
      return true;
    }
    return false;
  }

  /**
   * Makes a lane of a leased session and sends the statement by it.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` where it cannot be sent; the session is given back then.
   */
  open(session: Session<C>, ticket: Ticket<C>): void {
    const { inFlight, now, answered, failed } = this.#ports;
    const lane = new Lane<C>(session, {
      now,
      landed: (one, well) => {
        if (well) answered(one);
        else failed();
        if (this.#waiting.size > 0) this.#fill(one);
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
      lane.send(ticket);
    } catch (error) {
      this.#close(lane);
      throw error;
    }
    if (this.#waiting.size > 0) this.#fill(lane);
  }

  /** Takes note of a statement that waits, until {@link unqueue}. */
  queue(ticket: Ticket<C>): Waiting<C> {
    const waiting: Waiting<C> = { ticket, leave: undefined, boarded: false };
    this.#waiting.add(waiting);
    return waiting;
  }

  unqueue(waiting: Waiting<C>): void {
    this.#waiting.delete(waiting);
  }

  #fits(lane: Lane<C>, ticket: Ticket<C>, now: number): boolean {
    if (!this.#isOpen(lane)) return false;
    const { writes } = ticket.facts;
    if (hasRoom(lane, writes, now, this.#ports.limits)) return true;
    return hasRoom(lane, writes, now, this.#onTrial) && isTried(ticket.facts);
  }

  #isOpen({ session, shares }: Lane<C>): boolean {
    return shares && !session.leaving && !session.connection.closed;
  }

  /** Callers of other kinds who wait for what the lanes hold. */
  #foreign(): number {
    return Math.max(0, this.#ports.starving() - this.#waiting.size);
  }

  /** Lets those who wait board a lane that has room again, in their order. */
  #fill(lane: Lane<C>): void {
    if (this.#lanes.indexOf(lane) >= this.#lanes.length - this.#foreign()) return;
    if (!this.#isOpen(lane)) return;
    const now = this.#ports.now();
    let looked = 0;
    for (const waiting of this.#waiting) {
      if (looked++ === LOOKED_AT) return;
      const { ticket, leave } = waiting;
      if (leave === undefined || !hasRoom(lane, ticket.facts.writes, now, this.#forWaiting)) continue;
      this.#waiting.delete(waiting);
      if (!this.#ports.suits(ticket)) {
        leave(this.#ports.elsewhere());
        continue;
      }
      waiting.boarded = true;
      leave(BOARDED);
      try {
        lane.send(ticket);
      } catch (error) {
        ticket.reject(error);
      }
      looked = 0;
    }
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
  }
}

const BOARDED = new Boarded();
