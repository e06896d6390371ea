import { readStatement } from '../sql/statement.ts';

/** A statement that runs on a connection when its caller times out or aborts. */
export interface Abandoned {
  /** Its SQL; `undefined` for a batch or a COPY. */
  readonly text: string | undefined;
  /** Whether the connection is inside a transaction, as of its last answer. */
  readonly inTransaction: boolean;
  /** Whether it runs on a connection that cannot write. */
  readonly couldNotWrite: boolean;
}

/**
 * Whether it may be cancelled. `cancel`: it commits nothing. `ask`: it may be a write that commits by itself,
 * which may be cancelled only on a server that waits for no synchronous standby. `never`: it commits.
 */
export type CancelVerdict = 'cancel' | 'ask' | 'never';

/**
 * Whether an abandoned statement may be cancelled on the server. A cancelled wait for a synchronous standby
 * ends with success although nothing was replicated: so neither a COMMIT nor a write in such a wait is
 * cancelled.
 */
export function mayCancel({ text, inTransaction, couldNotWrite }: Abandoned): CancelVerdict {
  const commits = text === undefined ? 'outside-transaction' : readStatement(text).commits;
  if (commits === 'always') return 'never';
  if (couldNotWrite || commits === 'never') return 'cancel';
  return commits === 'outside-transaction' && inTransaction ? 'cancel' : 'ask';
}
