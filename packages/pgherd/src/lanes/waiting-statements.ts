import type { Clock } from '../time/port.ts';
import { enqueue, type QueuedStatement, type StatementQueue, statementQueue } from './queue.ts';
import type { LaneSession } from './session.ts';
import type { SharedStatement } from './shared-statement.ts';

/** The statements that wait at one node: the short ones, and the long ones, which do not wait before them. */
export class WaitingStatements<S extends LaneSession> {
  readonly short: StatementQueue<S>;
  /** They are held back, so that others do not queue behind them. */
  readonly long: StatementQueue<S>;
  readonly #clock: Clock;

  /** `late` is called for a statement whose deadline has passed. */
  constructor(clock: Clock, late: (waiting: QueuedStatement<S>, now: number) => void) {
    this.#clock = clock;
    this.short = statementQueue<S>(clock, late);
    this.long = statementQueue<S>(clock, late);
  }

  get size(): number {
    return this.short.size + this.long.size;
  }

  /** When the one that has waited longest began to; `undefined` if none waits. */
  get oldestSince(): number | undefined {
    const short = this.short.first?.since;
    const long = this.long.first?.since;
    return short === undefined || long === undefined ? (short ?? long) : Math.min(short, long);
  }

  /** The one that is next; of the long ones only if they may go on now. */
  next(longToo: boolean): QueuedStatement<S> | undefined {
    const short = this.short.first;
    const long = longToo ? this.long.first : undefined;
    return short === undefined || (long !== undefined && long.since < short.since) ? long : short;
  }

  add(queue: StatementQueue<S>, shared: SharedStatement<S>, deadline: number, since: number): void {
    enqueue(queue, shared, deadline, since, this.#clock.now());
  }

  /** A short one has turned out to be long. */
  holdBack(waiting: QueuedStatement<S>): void {
    waiting.takeOut();
    this.add(this.long, waiting.shared, waiting.deadline, waiting.since);
  }

  takeAll(): QueuedStatement<S>[] {
    return [...this.short.takeAll(), ...this.long.takeAll()];
  }
}
