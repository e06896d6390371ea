import { readStatement } from '../sql/statement.ts';

/** What runs on a connection when its caller gives up. */
export interface Abandoned {
  /** Its text; `undefined` for what is none, such as a batch or a COPY. */
  readonly text: string | undefined;
  /** Whether the connection is inside a transaction, as of its last answer. */
  readonly inTransaction: boolean;
  /** Whether it runs where a write is impossible. */
  readonly couldNotWrite: boolean;
}

/**
 * What may be done to it. `cancel`: it commits nothing. `ask`: it may be a write that commits by itself, which may be cancelled
 * only on a server that waits for no synchronous standby. `never`: it commits.
 */
export type CancelVerdict = 'cancel' | 'ask' | 'never';

/**
 * Whether what was abandoned may be cancelled on the server. A cancelled wait for a synchronous standby ends with success although
 * nothing was replicated; so a COMMIT is never cancelled, nor is a write that may be waiting so.
 */
export function mayCancel({ text, inTransaction, couldNotWrite }: Abandoned): CancelVerdict {
  const commits = text === undefined ? 'outside-transaction' : readStatement(text).commits;
  if (commits === 'always') return 'never';
  if (couldNotWrite || commits === 'never') return 'cancel';
  return commits === 'outside-transaction' && inTransaction ? 'cancel' : 'ask';
}
