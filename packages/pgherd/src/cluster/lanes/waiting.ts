import { Deadlines, type Due } from '../../pool/deadlines.ts';
import { abortedError } from '../../pool/failures.ts';
import type { Clock } from '../../time/port.ts';
import type { Ticket } from './ticket.ts';

/** A statement in the queue: it is its own entry among the deadlines and its own listener. */
export class Waiting<C> implements Due {
  readonly ticket: Ticket<C>;
  readonly deadline: number;
  readonly since: number;
  readonly #home: WaitingTickets<C>;
  place = -1;

  constructor(home: WaitingTickets<C>, ticket: Ticket<C>, deadline: number, since: number) {
    this.#home = home;
    this.ticket = ticket;
    this.deadline = deadline;
    this.since = since;
  }

  handleEvent(): void {
    const { signal } = this.ticket.call;
    if (signal === undefined || !this.#home.take(this)) return;
    this.ticket.reject(abortedError(signal));
    this.#home.noteLeft();
  }
}

/**
 * Statements that wait for room on a lane, in the order they came. Each is here until exactly one of a lane, another node,
 * deadline or abort reaches it; then neither deadline nor listener of it is left.
 */
export class WaitingTickets<C> {
  readonly #queue = new Set<Waiting<C>>();
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
    return this.#queue.size;
  }

  /** The one that waits longest. */
  get first(): Waiting<C> | undefined {
    for (const waiting of this.#queue) return waiting;
    return undefined;
  }

  [Symbol.iterator](): IterableIterator<Waiting<C>> {
    return this.#queue.values();
  }

  /** Puts a statement at the end, which has been waiting `since`. */
  add(ticket: Ticket<C>, deadline: number, since: number, now: number): void {
    const waiting = new Waiting(this, ticket, deadline, since);
    this.#queue.add(waiting);
    this.#deadlines.add(waiting, now);
    ticket.call.signal?.addEventListener('abort', waiting, ONCE);
  }

  /** Takes one out; whether it was here. */
  take(waiting: Waiting<C>): boolean {
    if (!this.#queue.delete(waiting)) return false;
    this.#deadlines.remove(waiting);
    waiting.ticket.call.signal?.removeEventListener('abort', waiting);
    return true;
  }

  /** Takes all out. */
  takeAll(): Waiting<C>[] {
    const all = [...this.#queue];
    for (const waiting of all) this.take(waiting);
    return all;
  }

  /** One has given up. */
  noteLeft(): void {
    this.#left();
  }
}

const ONCE = Object.freeze({ once: true });
