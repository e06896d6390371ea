import type { Classification } from './classify.ts';
import type { Phase } from './rules.ts';

/** What the engine knows when a call failed on a node. */
export interface FailedAttempt {
  readonly phase: Phase;
  readonly classification: Classification;
  /** Whether the statement ran where a write is impossible: a standby, or a connection that refuses writes. */
  readonly readOnlyConnection: boolean;
  /** The caller says that running it twice does no harm. */
  readonly idempotent: boolean;
  /** An error reply proves that nothing was done: see `isAtomic`. Of a transaction this is always true. */
  readonly atomic: boolean;
  /** Attempts made so far, this one included. */
  readonly attempts: number;
  /** Most attempts a call may take, those behind a lost node's first re-dispatch not counted. */
  readonly maxAttempts: number;
  /** Whether this call was moved away from a lost node before; the first time is free. */
  readonly movedBefore: boolean;
  /** Whether a probe confirmed that the node refuses writes since the statement was refused. */
  readonly refusalConfirmed: boolean;
}

/** What becomes of the call. */
export type Decision =
  /** Run it again on another node; `free` does not count as an attempt. */
  | { readonly kind: 'move'; readonly free: boolean }
  /** Run it again after a pause. */
  | { readonly kind: 'back-off' }
  /** Nobody can tell whether it was done. */
  | { readonly kind: 'unknown' }
  /** Pass the error to the caller. */
  | { readonly kind: 'fail' };

const FAIL: Decision = Object.freeze({ kind: 'fail' });
const UNKNOWN: Decision = Object.freeze({ kind: 'unknown' });
const BACK_OFF: Decision = Object.freeze({ kind: 'back-off' });

/** Decides about a single statement outside a transaction. Pure: `docs/retries.md` has the table. */
export function decideStatement(attempt: FailedAttempt): Decision {
  const { classification, phase } = attempt;
  const unread = phase === 'not-handed' || phase === 'behind-fatal';
  const certain = classification.safeToRetry(phase) && (attempt.atomic || unread);
  const harmless = attempt.readOnlyConnection || attempt.idempotent || certain;
  const given = harmless || classification.severity === 'ERROR' ? FAIL : UNKNOWN;
  switch (classification.kind) {
    case 'connection-lost':
    case 'connect-failed':
    case 'shutdown':
    case 'starting-up':
      return harmless ? move(attempt) : UNKNOWN;
    case 'outcome-unknown':
      return harmless ? move(attempt) : UNKNOWN;
    case 'too-many-connections':
      return harmless ? again(attempt) : UNKNOWN;
    case 'read-only':
      return attempt.refusalConfirmed && harmless && !attempt.readOnlyConnection ? move(attempt) : FAIL;
    case 'serialization':
      // On a standby this is a conflict with replay: another node is not in the same position.
      if (attempt.readOnlyConnection) return move(attempt);
      return harmless ? again(attempt) : FAIL;
    case 'deadlock':
      return harmless ? again(attempt) : FAIL;
    case 'authentication':
    case 'database-missing':
      // Fresh connections of one node are refused: another node may serve.
      return phase === 'not-handed' ? move(attempt) : given;
    case 'constraint':
    case 'unavailable':
    case 'lock-not-available':
    case 'cancelled':
    case 'statement':
    case 'other':
      // Who gave up, or was left by a session that ended, does not know what became of a write.
      return given;
    default:
      return classification.kind satisfies never;
  }
}

/** Decides about a whole transaction whose function can be run again. */
export function decideTransaction(attempt: FailedAttempt): Decision {
  const { classification, phase } = attempt;
  if (phase === 'commit-sent' && !classification.safeToRetry(phase)) {
    return attempt.idempotent ? again(attempt) : UNKNOWN;
  }
  switch (classification.kind) {
    case 'connection-lost':
    case 'connect-failed':
    case 'shutdown':
    case 'starting-up':
      return move(attempt);
    case 'too-many-connections':
    case 'serialization':
    case 'deadlock':
      return again(attempt);
    case 'read-only':
      return attempt.refusalConfirmed && !attempt.readOnlyConnection ? move(attempt) : FAIL;
    case 'outcome-unknown':
      return UNKNOWN;
    case 'authentication':
    case 'database-missing':
      return phase === 'not-handed' ? move(attempt) : FAIL;
    case 'constraint':
    case 'unavailable':
    case 'lock-not-available':
    case 'cancelled':
    case 'statement':
    case 'other':
      return FAIL;
    default:
      return classification.kind satisfies never;
  }
}

/** Leaving a lost node is free the first time: the caller did not ask for a dead host. */
function move(attempt: FailedAttempt): Decision {
  if (!attempt.movedBefore) return { kind: 'move', free: true };
  return attempt.attempts < attempt.maxAttempts ? { kind: 'move', free: false } : FAIL;
}

function again(attempt: FailedAttempt): Decision {
  return attempt.attempts < attempt.maxAttempts ? BACK_OFF : FAIL;
}

/**
 * What the user has to say: `false` gives up, `true` runs it again as long as there are attempts left, also where nobody can tell
 * what was executed; `undefined` leaves the decision as it is.
 */
export function overruled(decision: Decision, wish: boolean | undefined, attempt: FailedAttempt): Decision {
  if (wish === undefined) return decision;
  const runsAgain = decision.kind === 'move' || decision.kind === 'back-off';
  if (wish) return runsAgain ? decision : again(attempt);
  return runsAgain ? FAIL : decision;
}

/**
 * Whether running it again takes a token of the budget. Leaving a lost node for the first time does not; nor does what the server
 * asks for by itself, as it does of transactions that met: these fail one by one, however well the server is.
 */
export function takesToken(decision: Decision, { kind }: Classification): boolean {
  if (decision.kind === 'move') return !decision.free;
  return decision.kind === 'back-off' && kind !== 'serialization' && kind !== 'deadlock';
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

/** Full jitter: anything between nothing and the grown base. `dice` is in [0, 1). */
export function backoffMs(attempts: number, settings: BackoffSettings, dice: number): number {
  const { baseMs, factor, maxMs } = settings;
  // Nothing stays nothing, also where the growth has passed every number.
  const grown = baseMs === 0 ? 0 : baseMs * factor ** Math.max(0, attempts - 1);
  return Math.min(maxMs, grown) * dice;
}
