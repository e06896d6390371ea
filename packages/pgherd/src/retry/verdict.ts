import type { Decision, FailedAttempt } from './decide.ts';
import type { ErrorKind, Phase } from './rules.ts';

/** How pgherd judges a failed attempt, for `retry.isRetryable`. */
export interface RetryVerdict {
  /** Whether it will be run again unless the hook returns `false`. */
  readonly willRetry: boolean;
  /**
   * Whether the caller gets `PGHERD_OUTCOME_UNKNOWN` if it ends now: `true` from the hook may then do it
   * twice.
   */
  readonly outcomeUnknown: boolean;
  readonly work: 'statement' | 'transaction';
  readonly kind: ErrorKind;
  readonly sqlState: string | undefined;
  /** How far it had come. */
  readonly phase: Phase;
  /** Attempts made so far; the first move away from a lost node is not counted. */
  readonly attempts: number;
  /** The node on which it failed. */
  readonly node: string | undefined;
}

/** The verdict on an attempt that failed on `node`, with the decision `advised`. */
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
