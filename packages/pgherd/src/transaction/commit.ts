import type { Call } from '../call/call.ts';
import { unacknowledged, withNode } from '../call/failures.ts';
import type { Engine } from '../engine/engine.ts';
import type { Ask } from '../monitor/connection.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { commitUnknown, notCommitted, type SentCommit } from './failures.ts';
import { findOutcome, type Witness } from './outcome.ts';

/**
 * How a transaction ended. `lost`: its session ended or was abandoned before COMMIT was sent. `unknown`:
 * COMMIT was not answered, or one of its statements ended it.
 */
export type TransactionEnd = 'committed' | 'rolled-back' | 'lost' | 'unknown';

/** An end, and the error that goes with it; `undefined` for none. */
export interface EndWithError {
  readonly end: TransactionEnd;
  readonly error: unknown;
}

/** Facts about a COMMIT that failed. */
export interface UnansweredCommit extends SentCommit {
  readonly committedLocallyOnly: boolean;
  readonly witness: Witness | undefined;
}

/** The end of a transaction whose COMMIT failed with `error`; `undefined` if the witness has to be asked. */
export function endOfUnanswered(error: unknown, commit: UnansweredCommit): EndWithError | undefined {
  const { node, committedLocallyOnly, witness } = commit;
  if (phaseOf(error) !== 'sent' || classifyError(error).safeToRetry('commit-sent'))
    return { end: 'lost', error: withNode(error, node) };
  if (committedLocallyOnly) return { end: 'unknown', error: unacknowledged('commit', error) };
  if (witness === undefined) return { end: 'unknown', error: commitUnknown(error, commit, undefined) };
  return undefined;
}

/** What is asked, and of which session. */
export interface Question {
  /** The error of COMMIT. */
  readonly error: unknown;
  readonly commit: SentCommit;
  readonly witness: Witness | undefined;
  readonly survivor: Ask | undefined;
}

/** Asks how a transaction ended whose COMMIT was not answered. */
export async function askForEnd(
  engine: Engine,
  call: Call,
  { error, commit, witness, survivor }: Question,
): Promise<EndWithError> {
  if (witness === undefined) return { end: 'unknown', error: commitUnknown(error, commit, undefined) };
  const found = await findOutcome(engine, call, witness, survivor);
  switch (found.kind) {
    case 'committed':
      return { end: 'committed', error: undefined };
    case 'not-committed':
      return { end: 'rolled-back', error: notCommitted(error, commit.node) };
    case 'unknown':
      return { end: 'unknown', error: commitUnknown(error, commit, { witness, why: found.why }) };
    default:
      return found satisfies never;
  }
}
