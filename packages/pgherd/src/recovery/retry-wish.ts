import type { Herd } from '../herd/herd.ts';
import { messageOf } from '../model/errors.ts';
import type { Decision, FailedAttempt } from '../retry/decide.ts';
import { type RetryVerdict, verdictOf } from '../retry/verdict.ts';

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
  const verdict = verdictOf(attempt, advised, work, node);
  try {
    const wish: unknown = isRetryable(error, verdict);
    return typeof wish === 'boolean' ? wish : undefined;
  } catch (failure) {
    const why = messageOf(failure);
    herd.events.emit('cluster:warned', { message: `retry.isRetryable threw: ${why}` });
    return undefined;
  }
}
