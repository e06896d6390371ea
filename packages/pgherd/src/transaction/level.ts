import { SAVEPOINT_PREFIX } from '../sql/transaction-control.ts';
import { Turns } from '../time/turns.ts';

/** A function to call after the commit. `order`: callbacks are called in the order in which they were given. */
export interface Callback {
  readonly order: number;
  readonly fn: () => void | Promise<void>;
}

/**
 * One level of a transaction: the transaction itself, or a savepoint in it. Statements of a level are sent in
 * the order of the calls. A savepoint has its level to itself from SAVEPOINT until it is released or undone:
 * other work of the level waits, since ROLLBACK TO would undo it as well.
 */
export class Level {
  /** The level around it; `undefined` for the transaction itself. */
  readonly outer: Level | undefined;
  /** Who may send something. A statement has the turn until it is sent, a savepoint until it has ended. */
  readonly turns = new Turns();
  readonly callbacks: Callback[] = [];
  /** The savepoint that has the turn. */
  inner: Level | undefined;
  #ended = false;

  constructor(outer?: Level) {
    this.outer = outer;
  }

  /** Whether it, and every level around it, still accepts work. */
  get isOpen(): boolean {
    return !this.#ended && this.outer?.isOpen !== false;
  }

  /** It accepts no more work. */
  end(): void {
    this.#ended = true;
  }
}

/** The name of the savepoint with this number. */
export function savepointName(number: number): string {
  return `${SAVEPOINT_PREFIX}${number}`;
}
