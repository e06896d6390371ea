import { Deadlines, type Due } from '../pool/deadlines.ts';
import { abortedError } from '../pool/failures.ts';
import type { Clock } from '../time/port.ts';
import type { Ticket } from './shared-statement.ts';

/** A statement in the queue: it is its own entry among the deadlines and its own listener. */
export class Waiting<C> implements Due {
  readonly ticket: Ticket<C>;
  readonly deadline: number;
  readonly since: number;
  readonly #home: WaitingTickets<C>;
  place = -1;
  /** Its neighbours. Belong to {@link WaitingTickets}. */
  before: Waiting<C> | undefined;
  behind: Waiting<C> | undefined;
  isHere = true;

  constructor(home: WaitingTickets<C>, ticket: Ticket<C>, deadline: number, since: number) {
    this.#home = home;
    this.ticket = ticket;
    this.deadline = deadline;
    this.since = since;
  }

  /** Takes it out of the queue it is in; whether it was there. */
  takeOut(): boolean {
    return this.#home.take(this);
  }

  handleEvent(): void {
    const { signal } = this.ticket.call;
    if (signal === undefined || !this.takeOut()) return;
    this.ticket.reject(abortedError(signal));
    this.#home.noteLeft();
  }
}

/**
 * Statements that wait for room on a lane, in the order they came. Each is here until exactly one of a lane, another node,
 * deadline or abort reaches it; then neither deadline nor listener of it is left.
 */
export class WaitingTickets<C> {
  /** A chain, for one is taken out of it at the front nearly always: a `Set` would step over all that were there before. */
  #first: Waiting<C> | undefined;
  #last: Waiting<C> | undefined;
  #size = 0;
  readonly #deadlines: Deadlines<Waiting<C>>;
  readonly #left: () => void;

  /** `late` is told of those whose time was over; `left`, that there is one less by its own doing. */
  constructor(clock: Clock, late: (waiting: Waiting<C>, now: number) => void, left: () => void) {
    this.#left = left;
    this.#deadlines = new Deadlines(clock, (waiting, now) => {
      if (this.take(waiting)) late(waiting, now);
      left();
    });
  }

  get size(): number {
    return this.#size;
  }

  /** The one that waits longest. */
  get first(): Waiting<C> | undefined {
    return this.#first;
  }

  /** In their order; some may be taken out on the way. Where the next one is among them it begins anew. */
  *[Symbol.iterator](): Generator<Waiting<C>, void> {
    for (let one = this.#first; one !== undefined; ) {
      const { behind }: Waiting<C> = one;
      yield one;
      one = behind === undefined || behind.isHere ? behind : this.#first;
    }
  }

  /** Puts a statement at the end, which has been waiting `since`. */
  add(ticket: Ticket<C>, deadline: number, since: number, now: number): void {
    const waiting = new Waiting(this, ticket, deadline, since);
    const last = this.#last;
    waiting.before = last;
    if (last === undefined) this.#first = waiting;
    else last.behind = waiting;
    this.#last = waiting;
    this.#size++;
    this.#deadlines.add(waiting, now);
    ticket.call.signal?.addEventListener('abort', waiting, ONCE);
  }

  /** Takes out one of these; whether it was still here. */
  take(waiting: Waiting<C>): boolean {
    if (!waiting.isHere) return false;
    const { before, behind } = waiting;
    waiting.isHere = false;
    if (before === undefined) this.#first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    // A dead one in old memory would keep all alive that ever stood behind it.
    waiting.before = undefined;
    waiting.behind = undefined;
    this.#size--;
    this.#deadlines.remove(waiting);
    waiting.ticket.call.signal?.removeEventListener('abort', waiting);
    return true;
  }

  /** Takes all out. */
  takeAll(): Waiting<C>[] {
    const all: Waiting<C>[] = [];
    for (let one = this.#first; one !== undefined; one = this.#first) {
      this.take(one);
      all.push(one);
    }
    return all;
  }

  /** One has given up. */
  noteLeft(): void {
    this.#left();
  }
}

const ONCE = Object.freeze({ once: true });
