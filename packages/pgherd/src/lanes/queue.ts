import { abortedError } from '../node/pool-errors.ts';
import { type Queueable, WaitQueue } from '../pool/queue.ts';
import type { Clock } from '../time/port.ts';
import type { SharedStatement } from './shared-statement.ts';

/** Statements that wait for room on a lane, in the order they came. */
export type StatementQueue<C> = WaitQueue<QueuedStatement<C>>;

/** A statement in the queue. */
export class QueuedStatement<C> implements Queueable<QueuedStatement<C>> {
  readonly shared: SharedStatement<C>;
  readonly deadline: number;
  readonly since: number;
  readonly #queue: StatementQueue<C>;
  place = -1;
  isQueued = false;
  previous: QueuedStatement<C> | undefined;
  next: QueuedStatement<C> | undefined;

  constructor(queue: StatementQueue<C>, shared: SharedStatement<C>, deadline: number, since: number) {
    this.#queue = queue;
    this.shared = shared;
    this.deadline = deadline;
    this.since = since;
  }

  get signal(): AbortSignal | undefined {
    return this.shared.call.signal;
  }

  /** Takes it out of the queue it is in; whether it was there. */
  takeOut(): boolean {
    return this.#queue.take(this);
  }

  handleEvent(): void {
    this.#queue.abort(this);
  }
}

/** `late` is called for a statement whose deadline has passed; `left` after one has left by deadline or abort. */
export function statementQueue<C>(
  clock: Clock,
  late: (waiting: QueuedStatement<C>, now: number) => void,
  left: () => void,
): StatementQueue<C> {
  return new WaitQueue<QueuedStatement<C>>({
    clock,
    late: (waiting, now) => {
      late(waiting, now);
      left();
    },
    aborted: ({ shared }, signal) => {
      shared.reject(abortedError(signal));
      left();
    },
  });
}

/** Puts a statement, which has been waiting `since`, at the end of a queue. */
export function enqueue<C>(
  queue: StatementQueue<C>,
  shared: SharedStatement<C>,
  deadline: number,
  since: number,
  now: number,
): void {
  queue.add(new QueuedStatement(queue, shared, deadline, since), now);
}
