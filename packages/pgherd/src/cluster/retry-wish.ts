import type { Decision, FailedAttempt } from '../retry/decide.ts';
import type { ErrorKind, Phase } from '../retry/rules.ts';
import type { Herd } from './herd.ts';

/** What pgherd thinks of a failed attempt, for `retry.isRetryable`. */
export interface RetryVerdict {
  /** Whether it will be run again unless somebody objects. */
  readonly willRetry: boolean;
  /** Nobody can tell whether it was executed: whoever says `true` now may have it done twice. */
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

/** What the user says to an attempt; `undefined` without a wish. A hook that throws is reported and has none. */
export function wishOf<C>(
  herd: Herd<C>,
  error: unknown,
  attempt: FailedAttempt,
  advised: Decision,
  work: RetryVerdict['work'],
  node: string | undefined,
): boolean | undefined {
  const { isRetryable } = herd.settings.retry;
  if (isRetryable === undefined) return undefined;
  const { classification, phase, attempts } = attempt;
  const verdict: RetryVerdict = Object.freeze({
    willRetry: advised.kind === 'move' || advised.kind === 'back-off',
    outcomeUnknown: advised.kind === 'unknown',
    work,
    kind: classification.kind,
    sqlState: classification.sqlState,
    phase,
    attempts,
    node,
  });
  try {
    const wish: unknown = isRetryable(error, verdict);
    return typeof wish === 'boolean' ? wish : undefined;
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    herd.events.emit('cluster:warned', { message: `retry.isRetryable threw: ${why}` });
    return undefined;
  }
}
