import type { TransactionEnd } from './commit.ts';

/** The states of a transaction: it ends exactly once. */
export type State = 'open' | 'committing' | 'rolling-back' | 'asking' | TransactionEnd;

/** Whether the work of a transaction in this state is, or may be, permanent. */
export const MAY_HAVE_COMMITTED: Readonly<Record<State, boolean>> = Object.freeze({
  open: false,
  committing: true,
  'rolling-back': false,
  asking: true,
  committed: true,
  'rolled-back': false,
  lost: false,
  unknown: true,
});
