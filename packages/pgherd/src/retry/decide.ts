import { causeChain, codeOf } from './chain.ts';
import { type Classification, classifyError } from './classify.ts';
import type { Phase } from './rules.ts';

/** The facts about failed work that decide whether its outcome is known. */
export interface FailedWork {
  readonly phase: Phase;
  readonly classification: Classification;
  /** Whether the statement ran on a standby or on a connection that refuses writes. */
  readonly readOnlyConnection: boolean;
  /** The caller declared that running it twice does no harm. */
  readonly idempotent: boolean;
  /** An error reply proves that nothing was done: see `isAtomic`. Always true of a transaction. */
  readonly atomic: boolean;
}

/** Failed work that may be run again. */
export interface FailedAttempt extends FailedWork {
  /** Attempts made so far, this one included. */
  readonly attempts: number;
  /** Most attempts a call may take; the first move away from a lost node is not counted. */
  readonly maxAttempts: number;
  /** Whether this call was already moved away from a lost node; the first time is free. */
  readonly movedBefore: boolean;
  /** Whether a probe after the refusal confirmed that the node refuses writes. */
  readonly refusalConfirmed: boolean;
}

/** What the caller gets if the call ends now: the error as it is, or `PGHERD_OUTCOME_UNKNOWN`. */
export type Ending = 'error' | 'unknown';

/**
 * `move-free`: run it again at once on another node, without counting it as an attempt. `move`: run it again
 * on another node, after a pause. `back-off`: run it again after a pause. `end`: do not run it again.
 */
export type Next = 'move-free' | 'move' | 'back-off' | 'end';

/** How the call continues. */
export interface Decision {
  readonly next: Next;
  /** What the caller gets if the call ends, now or because another attempt cannot be made. */
  readonly ending: Ending;
}

/**
 * The one rule of certainty, for work that is not run again: `unknown` unless it is certain that nothing was
 * executed, running it twice does no harm, or the error itself states the outcome.
 */
export function endingOf(work: FailedWork): Ending {
  const { classification, phase } = work;
  if (phase === 'in-transaction') return 'error';
  if (phase === 'commit-sent') return classification.safeToRetry(phase) ? 'error' : 'unknown';
  if (isHarmless(work)) return 'error';
  if (classification.kind === 'outcome-unknown') return 'unknown';
  return classification.severity === 'ERROR' || classification.outcomeKnown ? 'error' : 'unknown';
}

/** Whether running it again cannot do it twice, or may do so. */
function isHarmless({ classification, phase, readOnlyConnection, idempotent, atomic }: FailedWork): boolean {
  const unread = phase === 'not-handed' || phase === 'behind-fatal';
  return readOnlyConnection || idempotent || (classification.safeToRetry(phase) && (atomic || unread));
}

/** Decides about a single statement outside a transaction. Pure: `docs/retries.md` has the table. */
export function decideStatement(attempt: FailedAttempt): Decision {
  return { next: afterStatement(attempt, isHarmless(attempt)), ending: endingOf(attempt) };
}

/**
 * Whether it is a read whose session the server ended, by whatever code: on another node it may succeed, and it changes nothing if it
 * is run twice. Not if a limit of its own ended it.
 */
function isReadOfEndedSession({ classification, phase, readOnlyConnection }: FailedAttempt): boolean {
  const { endsSession, kind } = classification;
  return endsSession && readOnlyConnection && kind !== 'cancelled' && phase !== 'not-handed';
}

function afterStatement(attempt: FailedAttempt, harmless: boolean): Next {
  const { kind } = attempt.classification;
  if (isReadOfEndedSession(attempt)) return move(attempt);
  switch (kind) {
    case 'connection-lost':
    case 'connect-failed':
    case 'shutdown':
    case 'starting-up':
    case 'outcome-unknown':
      return harmless ? move(attempt) : 'end';
    case 'too-many-connections':
    case 'deadlock':
      return harmless ? again(attempt) : 'end';
    case 'read-only':
      return attempt.refusalConfirmed && harmless && !attempt.readOnlyConnection ? move(attempt) : 'end';
    case 'serialization':
      // On a standby this is a conflict with replay: another node is not in the same position.
      if (attempt.readOnlyConnection) return move(attempt);
      return harmless ? again(attempt) : 'end';
    case 'authentication':
    case 'database-missing':
      // One node refuses new connections: another node may accept them.
      return attempt.phase === 'not-handed' ? move(attempt) : 'end';
    case 'stale-name':
    case 'constraint':
    case 'unavailable':
    case 'lock-not-available':
    case 'cancelled':
    case 'statement':
    case 'other':
      return 'end';
    default:
      return kind satisfies never;
  }
}

/** By these the server ends a transaction that exceeded a limit of its own; the statement after it finds the connection closed. */
const OWN_LIMITS: ReadonlySet<string> = new Set(['25P03', '25P04']);

function ownLimit(error: unknown): unknown {
  return causeChain(error).find((link) => OWN_LIMITS.has(codeOf(link) ?? ''));
}

/**
 * Classifies the error that a transaction's function threw or, if that one has no known meaning, the first
 * error of a statement, which the function may have hidden.
 */
export function classifyTransaction(thrown: unknown, first: unknown): Classification {
  const own = ownLimit(thrown) ?? ownLimit(first);
  if (own !== undefined) return classifyError(own);
  const classification = classifyError(thrown);
  return classification.kind === 'other' ? classifyError(first) : classification;
}

/** Decides about a whole transaction whose function can be run again. */
export function decideTransaction(attempt: FailedAttempt): Decision {
  const ending = endingOf(attempt);
  return { next: ending === 'unknown' ? 'end' : afterTransaction(attempt), ending };
}

function afterTransaction(attempt: FailedAttempt): Next {
  const { kind } = attempt.classification;
  if (isReadOfEndedSession(attempt)) return move(attempt);
  switch (kind) {
    case 'connection-lost':
    case 'connect-failed':
    case 'shutdown':
    case 'starting-up':
      return move(attempt);
    case 'too-many-connections':
    case 'serialization':
    case 'stale-name':
    case 'deadlock':
      return again(attempt);
    case 'read-only':
      return attempt.refusalConfirmed && !attempt.readOnlyConnection ? move(attempt) : 'end';
    case 'authentication':
    case 'database-missing':
      return attempt.phase === 'not-handed' ? move(attempt) : 'end';
    case 'outcome-unknown':
    case 'constraint':
    case 'unavailable':
    case 'lock-not-available':
    case 'cancelled':
    case 'statement':
    case 'other':
      return 'end';
    default:
      return kind satisfies never;
  }
}

/** Leaving a lost node is free the first time: the caller did not choose that node. */
function move(attempt: FailedAttempt): Next {
  if (!attempt.movedBefore) return 'move-free';
  return attempt.attempts < attempt.maxAttempts ? 'move' : 'end';
}

function again(attempt: FailedAttempt): Next {
  return attempt.attempts < attempt.maxAttempts ? 'back-off' : 'end';
}

/**
 * The decision after the caller's `retry.isRetryable` has answered: `false` ends the call, `true` runs the
 * work again as long as there are attempts left, even if its outcome is unknown; `undefined` leaves the
 * decision as it is.
 */
export function overruled(decision: Decision, answer: boolean | undefined, attempt: FailedAttempt): Decision {
  if (answer === undefined || answer === (decision.next !== 'end')) return decision;
  return { next: answer ? again(attempt) : 'end', ending: decision.ending };
}

/**
 * Whether running it again takes a token of the budget. Leaving a lost node for the first time does not; nor
 * does a serialization failure, a deadlock or an error of an old prepared statement, which also occur on a healthy server.
 */
export function takesToken(next: Next, { kind }: Classification): boolean {
  if (next === 'move') return true;
  return next === 'back-off' && kind !== 'serialization' && kind !== 'deadlock' && kind !== 'stale-name';
}

/** Settings of the pause between attempts. */
export interface BackoffSettings {
  /** Longest pause before the second attempt, milliseconds. */
  readonly baseMs: number;
  /** Growth with each further attempt. */
  readonly factor: number;
  /** Longest pause of all, milliseconds. */
  readonly maxMs: number;
}

/** Full jitter: between 0 and the grown base. `dice` is in [0, 1). */
export function backoffMs(attempts: number, settings: BackoffSettings, dice: number): number {
  const { baseMs, factor, maxMs } = settings;
  // 0 stays 0, even if the growth overflows to Infinity.
  const grown = baseMs === 0 ? 0 : baseMs * factor ** Math.max(0, attempts - 1);
  return Math.min(maxMs, grown) * dice;
}
