import { abortedError } from '../node/pool-errors.ts';
import { type Queueable, WaitQueue } from '../pool/queue.ts';
import type { Clock } from '../time/port.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';

/** Statements that wait for room on a lane, in the order they came. */
export type StatementQueue<S extends LaneSession> = WaitQueue<QueuedStatement<S>>;

/** A statement in the queue. */
export class QueuedStatement<S extends LaneSession> implements Queueable<QueuedStatement<S>> {
  readonly shared: SharedStatement<S>;
  readonly deadline: number;
  readonly since: number;
  readonly #queue: StatementQueue<S>;
  place = -1;
  isQueued = false;
  previous: QueuedStatement<S> | undefined;
  next: QueuedStatement<S> | undefined;

  constructor(queue: StatementQueue<S>, shared: SharedStatement<S>, deadline: number, since: number) {
    this.#queue = queue;
    this.shared = shared;
    this.deadline = deadline;
    this.since = since;
  }

  /** Whether it is expected to write. */
  get writes(): boolean {
    return this.shared.facts.writes;
  }

  /** See {@link StatementFacts.aloneUntil}. */
  get aloneUntil(): number {
    return this.shared.facts.aloneUntil;
  }

  get signal(): AbortSignal | undefined {
    return this.shared.call.signal;
  }

  /** Removes it from its queue; returns whether it was still there. */
  takeOut(): boolean {
    return this.#queue.take(this);
  }

  handleEvent(): void {
    this.#queue.abort(this);
  }
}

/** `late` is called for a statement whose deadline has passed. */
export function statementQueue<S extends LaneSession>(
  clock: Clock,
  late: (waiting: QueuedStatement<S>, now: number) => void,
): StatementQueue<S> {
  return new WaitQueue<QueuedStatement<S>>({
    clock,
    late,
    aborted: ({ shared }, signal) => shared.reject(abortedError(signal)),
  });
}

/** Puts a statement, which has been waiting `since`, at the end of a queue. */
export function enqueue<S extends LaneSession>(
  queue: StatementQueue<S>,
  shared: SharedStatement<S>,
  deadline: number,
  since: number,
  now: number,
): void {
  queue.add(new QueuedStatement(queue, shared, deadline, since), now);
}
