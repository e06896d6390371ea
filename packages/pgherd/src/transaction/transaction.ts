import type { Querier } from '../query/querier.ts';

/** An open transaction. */
export interface Transaction extends Querier, AsyncDisposable {
  /** 1 for the first run of the function, 2 for the second … */
  readonly attempt: number;
  /** The node it runs on. */
  readonly node: string;
  /** Whether it still accepts statements. */
  readonly isOpen: boolean;
  /**
   * Commits it.
   * @throws PgHerdError `PGHERD_TRANSACTION_ROLLED_BACK` if the server rolled it back because of an earlier
   * error, `PGHERD_OUTCOME_UNKNOWN` if the answer was lost, `PGHERD_TRANSACTION_ENDED` if it has ended,
   * `PGHERD_SELF_DEADLOCK` inside the function of a savepoint.
   */
  commit(): Promise<void>;
  /** Rolls it back. Does nothing if it has ended. */
  rollback(): Promise<void>;
  /**
   * A savepoint: if `fn` throws, only its work is undone. It ends with `fn`, not by `commit` or `rollback`.
   * Other work of the same transaction waits until it has ended.
   * @throws what `fn` throws; PgHerdError `PGHERD_SELF_DEADLOCK` if called inside the function of another
   * savepoint of the same object, which it would wait for.
   */
  transaction<T>(fn: (tx: Transaction) => Promise<T> | T): Promise<T>;
  /** Calls `fn` once the commit has been acknowledged, in the order of the calls. */
  afterCommit(fn: () => void | Promise<void>): void;
}
