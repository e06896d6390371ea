import type { Decision, FailedAttempt } from './decide.ts';
import type { ErrorKind, Phase } from './rules.ts';

/** What pgherd thinks of a failed attempt, for `retry.isRetryable`. */
export interface RetryVerdict {
  /** Whether it will be run again unless the hook returns `false`. */
  readonly willRetry: boolean;
  /** Whether the caller gets `PGHERD_OUTCOME_UNKNOWN` if it is not run again: `true` from the hook may then do it twice. */
  readonly outcomeUnknown: boolean;
  readonly work: 'statement' | 'transaction';
  readonly kind: ErrorKind;
  readonly sqlState: string | undefined;
  /** How far it had come. */
  readonly phase: Phase;
  /** Attempts made so far, without those that left a lost node for the first time. */
  readonly attempts: number;
  /** Where it failed. */
  readonly node: string | undefined;
}

/** What is thought of an attempt that failed on `node`, when `advised` is what the table says. */
export function verdictOf(
  attempt: FailedAttempt,
  advised: Decision,
  work: RetryVerdict['work'],
  node: string | undefined,
): RetryVerdict {
  const { classification, phase, attempts } = attempt;
  return Object.freeze({
    willRetry: advised.next !== 'end',
    outcomeUnknown: advised.ending === 'unknown',
    work,
    kind: classification.kind,
    sqlState: classification.sqlState,
    phase,
    attempts,
    node,
  });
}
