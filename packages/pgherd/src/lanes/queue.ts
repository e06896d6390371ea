import { Deadlines, type Due } from '../pool/deadlines.ts';
import { abortedError } from '../pool/failures.ts';
import type { Clock } from '../time/port.ts';
import type { SharedStatement } from './shared-statement.ts';

/** A statement in the queue: it is its own entry among the deadlines and its own listener. */
export class QueuedStatement<C> implements Due {
  readonly shared: SharedStatement<C>;
  readonly deadline: number;
  readonly since: number;
  readonly #home: StatementQueue<C>;
  place = -1;
  /** Its neighbours. Belong to {@link StatementQueue}. */
  before: QueuedStatement<C> | undefined;
  behind: QueuedStatement<C> | undefined;
  isHere = true;

  constructor(home: StatementQueue<C>, shared: SharedStatement<C>, deadline: number, since: number) {
    this.#home = home;
    this.shared = shared;
    this.deadline = deadline;
    this.since = since;
  }

  /** Takes it out of the queue it is in; whether it was there. */
  takeOut(): boolean {
    return this.#home.take(this);
  }

  handleEvent(): void {
    const { signal } = this.shared.call;
    if (signal === undefined || !this.takeOut()) return;
    this.shared.reject(abortedError(signal));
    this.#home.noteLeft();
  }
}

/**
 * Statements that wait for room on a lane, in the order they came. Each is here until exactly one of a lane, another node,
 * deadline or abort reaches it; then neither deadline nor listener of it is left.
 */
export class StatementQueue<C> {
  /** A chain, for one is taken out of it at the front nearly always: a `Set` would step over all that were there before. */
  #first: QueuedStatement<C> | undefined;
  #last: QueuedStatement<C> | undefined;
  #size = 0;
  readonly #deadlines: Deadlines<QueuedStatement<C>>;
  readonly #left: () => void;

  /** `late` is told of those whose time was over; `left`, that there is one less by its own doing. */
  constructor(clock: Clock, late: (waiting: QueuedStatement<C>, now: number) => void, left: () => void) {
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
  get first(): QueuedStatement<C> | undefined {
    return this.#first;
  }

  /** In their order; some may be taken out on the way. Where the next one is among them it begins anew. */
  *[Symbol.iterator](): Generator<QueuedStatement<C>, void> {
    for (let one = this.#first; one !== undefined; ) {
      const { behind }: QueuedStatement<C> = one;
      yield one;
      one = behind === undefined || behind.isHere ? behind : this.#first;
    }
  }

  /** Puts a statement at the end, which has been waiting `since`. */
  add(shared: SharedStatement<C>, deadline: number, since: number, now: number): void {
    const waiting = new QueuedStatement(this, shared, deadline, since);
    const last = this.#last;
    waiting.before = last;
    if (last === undefined) this.#first = waiting;
    else last.behind = waiting;
    this.#last = waiting;
    this.#size++;
    this.#deadlines.add(waiting, now);
    shared.call.signal?.addEventListener('abort', waiting, ONCE);
  }

  /** Takes out one of these; whether it was still here. */
  take(waiting: QueuedStatement<C>): boolean {
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
    waiting.shared.call.signal?.removeEventListener('abort', waiting);
    return true;
  }

  /** Takes all out. */
  takeAll(): QueuedStatement<C>[] {
    const all: QueuedStatement<C>[] = [];
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
