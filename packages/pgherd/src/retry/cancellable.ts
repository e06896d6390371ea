import { withoutLeadingComments } from '../sql/atomic.ts';

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

const COMMITS = /^(commit|end|prepare\s+transaction)\b/i;
/** In a script of several statements a COMMIT may stand anywhere; what else has the word is asked about for nothing. */
const MAY_COMMIT_WITHIN = /;[\s\S]*\b(commit|end|prepare)\b/i;
const BEGINS = /^(begin|start\s+transaction|rollback|savepoint|release)\b/i;

/**
 * Whether what was abandoned may be cancelled on the server. A cancelled wait for a synchronous standby ends with success although
 * nothing was replicated; so a COMMIT is never cancelled, nor is a write that may be waiting so.
 */
export function mayCancel({ text, inTransaction, couldNotWrite }: Abandoned): CancelVerdict {
  const statement = text === undefined ? '' : withoutLeadingComments(text);
  if (COMMITS.test(statement)) return 'never';
  if (couldNotWrite) return 'cancel';
  if (MAY_COMMIT_WITHIN.test(statement)) return 'ask';
  return inTransaction || BEGINS.test(statement) ? 'cancel' : 'ask';
}
