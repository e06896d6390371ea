import type { ServerError } from '../model/server-error.ts';
import { causeChain, codeOf } from './chain.ts';
import { type Classification, classifyError, isOfConnecting, phaseOf } from './classify.ts';
import { isSqlState, KIND_RULES, type Phase } from './rules.ts';

/**
 * Whether the same work may be run again: the cause is transient, and it is certain that nothing was
 * executed. Work that was sent but not answered is not retryable. Searches `cause` and `AggregateError`.
 *
 * @param phase how far the work had come; default: what the error itself reports, else `sent`. Pass
 * `in-transaction` for an error of a transaction whose COMMIT was not sent: the server rolls it back.
 * @example
 * ```ts
 * if (isRetryable(error)) await queue.putBack(job);
 * ```
 */
export function isRetryable(error: unknown, phase?: Phase): boolean {
  const classification = classifyError(error);
  if (KIND_RULES[classification.kind].transient !== true) return false;
  if (classification.kind === 'unavailable') return true;
  return classification.safeToRetry(phase ?? reportedPhase(error, classification));
}

function reportedPhase(error: unknown, { kind }: Classification): Phase {
  const chain = causeChain(error);
  // A caller gets this error only if the work may be run again, whatever had been sent.
  if (chain.some((link) => codeOf(link) === 'PGHERD_CONNECTION_LOST')) return 'not-handed';
  if (kind === 'connect-failed' && chain.some((link) => connects(link))) return 'not-handed';
  return phaseOf(error);
}

function connects(link: unknown): boolean {
  const code = codeOf(link);
  return isOfConnecting(link) || code === 'PGHERD_CONNECT_TIMEOUT' || code === 'CONNECT_TIMEOUT';
}

/** The SQLSTATE of the first error in the chain of causes that has one; `undefined` if none has one. */
export function sqlState(error: unknown): string | undefined {
  return causeChain(error)
    .map(codeOf)
    .find((code) => code !== undefined && isSqlState(code));
}

/**
 * Whether the connection is the cause: it was lost, could not be opened, or its server is starting or
 * shutting down. This does not mean that nothing was executed: see {@link isRetryable}.
 */
export function isConnectionError(error: unknown): boolean {
  return KIND_RULES[classifyError(error).kind].ofConnection === true;
}

/**
 * Whether the outcome is unknown (`PGHERD_OUTCOME_UNKNOWN`, 08007, 40002, 40003): check it before running the
 * work again.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  return classifyError(error).kind === 'outcome-unknown';
}

/** Whether a constraint was violated: SQLSTATE class 23. */
export function isConstraintViolation(error: unknown): error is ServerError {
  return sqlState(error)?.startsWith('23') === true;
}

/** Whether a unique constraint or index was violated: 23505. */
export function isUniqueViolation(error: unknown): error is ServerError {
  return sqlState(error) === '23505';
}

/** Whether a foreign key was violated: 23503. */
export function isForeignKeyViolation(error: unknown): error is ServerError {
  return sqlState(error) === '23503';
}

/** Whether a not-null constraint was violated: 23502. */
export function isNotNullViolation(error: unknown): error is ServerError {
  return sqlState(error) === '23502';
}

/** Whether a check constraint was violated: 23514. */
export function isCheckViolation(error: unknown): error is ServerError {
  return sqlState(error) === '23514';
}

/** Whether an exclusion constraint was violated: 23P01. */
export function isExclusionViolation(error: unknown): error is ServerError {
  return sqlState(error) === '23P01';
}

/** Whether transactions conflicted with each other, or a read with a standby's replay: 40001. */
export function isSerializationFailure(error: unknown): boolean {
  return sqlState(error) === '40001';
}

/** Whether the server ended a deadlock by aborting this transaction: 40P01. */
export function isDeadlock(error: unknown): boolean {
  return sqlState(error) === '40P01';
}

/** Whether a lock was not available in time (`lock_timeout`) or at once (`NOWAIT`): 55P03. */
export function isLockNotAvailable(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** Whether the server cancelled the statement, by request or by `statement_timeout`: 57014. */
export function isQueryCanceled(error: unknown): boolean {
  return sqlState(error) === '57014';
}

/** Whether a write was refused because the transaction or the server is read-only: 25006. */
export function isReadOnlyViolation(error: unknown): boolean {
  return sqlState(error) === '25006';
}
