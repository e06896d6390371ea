import { atCallerOf } from '../model/caller.ts';
import { invalidArgument } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import { assertNoCallback } from '../model/option-names.ts';
import type { Executor } from '../query/executor.ts';
import { LazyQuerier } from '../query/querier.ts';
import { assertSavepoint, refuseToEnd } from './failures.ts';
import type { Level } from './level.ts';
import type { Transaction } from './transaction.ts';

/** A transaction as its views see it. */
export interface Viewed {
  readonly attempt: number;
  readonly node: string;
  isOpenAt(level: Level): boolean;
  executorAt(level: Level): Executor;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  savepoint<T>(level: Level, fn: (tx: Transaction) => Promise<T> | T): Promise<T>;
  afterCommit(level: Level, fn: () => void | Promise<void>): void;
}

/**
 * What the application gets: the transaction, or a savepoint, which ends with its function and must not end the
 * transaction around it. Its verbs need no object before the dot, as those of a cluster.
 */
export class TransactionView extends LazyQuerier implements Transaction {
  readonly #transaction: Viewed;
  readonly #level: Level;

  constructor(transaction: Viewed, level: Level) {
    super(transaction.executorAt(level));
    this.#transaction = transaction;
    this.#level = level;
  }

  get attempt(): number {
    return this.#transaction.attempt;
  }

  get node(): string {
    return this.#transaction.node;
  }

  get isOpen(): boolean {
    return this.#transaction.isOpenAt(this.#level);
  }

  get commit(): Transaction['commit'] {
    if (this.#isSavepoint) return refuseToEnd;
    return async (...given: readonly unknown[]) => {
      assertNoCallback('commit', given);
      return atCallerOf(this.#transaction.commit());
    };
  }

  get rollback(): Transaction['rollback'] {
    if (this.#isSavepoint) return refuseToEnd;
    return async (...given: readonly unknown[]) => {
      assertNoCallback('rollback', given);
      return this.#transaction.rollback();
    };
  }

  get [Symbol.asyncDispose](): () => Promise<void> {
    return this.#isSavepoint ? async () => undefined : () => this.#transaction.rollback();
  }

  get transaction(): Transaction['transaction'] {
    return async (fn, ...options: readonly unknown[]) => {
      assertSavepoint(fn, options);
      return this.#transaction.savepoint(this.#level, fn);
    };
  }

  get afterCommit(): Transaction['afterCommit'] {
    return (fn) => {
      if (typeof fn !== 'function')
        throw invalidArgument('the callback of afterCommit', quoted(fn), 'a function');
      this.#transaction.afterCommit(this.#level, fn);
    };
  }

  toJSON(): object {
    return { node: this.node, isOpen: this.isOpen, attempt: this.attempt };
  }

  [INSPECT](_depth: number, options: object, inspect: Inspect): string {
    return look(this.#isSavepoint ? 'Savepoint' : 'Transaction', this.toJSON(), options, inspect);
  }

  get #isSavepoint(): boolean {
    return this.#level.outer !== undefined;
  }
}
