/** A library at work on a table of its own: what every example does. */
export interface Items {
  /** Writes one item; resolves when it is committed. */
  add(id: number): Promise<unknown>;
  /** Whether an item is there. */
  has(id: number): Promise<boolean>;
  /** Writes an item in a transaction, and rolls it back. */
  addAndRollBack?(id: number): Promise<unknown>;
  /** Reads all numbers row by row, where the library can. */
  stream?(): AsyncIterable<unknown>;
  /** Ends everything that `open` began. */
  close(): Promise<unknown>;
}

/** One library on pgherd. */
export interface Example {
  /** Statements that make what the library needs. */
  readonly setUp: readonly string[];
  /** Gives the numbers that are stored, each as often as it is, in a column `id`. */
  readonly stored: string;
  /** Opens the library on the servers of a connection string. */
  open(url: string): Promise<Items>;
}

/** Thrown by a transaction that is to be rolled back. */
export class RollBack extends Error {
  override readonly name = 'RollBack';

  /** Resolves if the transaction failed with it. */
  static async of(transaction: PromiseLike<unknown>): Promise<void> {
    try {
      await transaction;
    } catch (error) {
      if (error instanceof RollBack) return;
      throw error;
    }
    throw new Error('The transaction was not rolled back.');
  }
}

/** The example's own table. No constraint hides what is written twice. */
export function tableOf(name: string): Pick<Example, 'setUp' | 'stored'> {
  return {
    setUp: [`create table if not exists ${name} (id int not null, name text not null)`],
    stored: `select id from ${name}`,
  };
}
