import type { Call } from '../call/call.ts';
import { abortedError, cancelledError, timedOut, unsentError } from '../call/failures.ts';
import type { PgHerdError } from '../model/errors.ts';
import { classifyError, phaseOf } from '../retry/classify.ts';
import { readStatement } from '../sql/statement.ts';
import { isPast } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import type { Turn } from '../time/turns.ts';
import { within } from '../time/wait.ts';

/** How long a call whose write is being cancelled waits for the answer, in addition to its own limit, milliseconds. */
const CONFIRM_MS = 1_000;

/** What to do when a call reaches its deadline or is aborted before its work is done. */
export interface AtLimit {
  /** The error of a call that reached its deadline. */
  late(now: number): PgHerdError;
  /** Abandons what the work holds. */
  abandon(error: PgHerdError): void;
}

/** Whether a call has neither a deadline nor a signal: nothing ends it but its work. */
export function isUnlimited({ deadline, signal }: Call): boolean {
  return deadline === Number.POSITIVE_INFINITY && signal === undefined;
}

/** The result of `work`, unless the call's deadline or its signal comes first: see {@link within}. */
export function withinCall<T>(work: Promise<T>, call: Call, clock: Clock, atLimit: AtLimit): Promise<T> {
  const { deadline, signal } = call;
  if (isUnlimited(call)) return work;
  const abandon = (error: PgHerdError) => {
    atLimit.abandon(error);
    return error;
  };
  return within(clock, work, {
    deadline,
    signal,
    late: (now) => abandon(atLimit.late(now)),
    aborted: () => abandon(abortedError(signal)),
  });
}

/**
 * As {@link withinCall}, for a statement that was sent. If its outcome is open when the limit comes, the
 * answer that its end brings is awaited for a moment: it says whether the statement was executed.
 */
export function withOutcome<T>(
  answer: Promise<T>,
  call: Call,
  clock: Clock,
  isOpen: () => boolean,
  atLimit: AtLimit,
): Promise<T> {
  let limit: PgHerdError | undefined;
  const result = withinCall(answer, call, clock, {
    late: (now) => atLimit.late(now),
    abandon: (error) => {
      if (isOpen()) limit = error;
      atLimit.abandon(error);
    },
  });
  if (result === answer) return result;
  return result.catch((error: unknown) => {
    if (limit === undefined || error !== limit) throw error;
    return answerAfter(limit, answer, clock);
  });
}

/** The answer that comes although the call is over; otherwise `limit`, with what is known about the statement. */
async function answerAfter<T>(limit: PgHerdError, answer: Promise<T>, clock: Clock): Promise<T> {
  const none = () => limit;
  const deadline = clock.now() + CONFIRM_MS;
  try {
    return await within(clock, answer, { deadline, signal: undefined, late: none, aborted: none });
  } catch (error) {
    if (error === limit) throw limit;
    if (phaseOf(error) !== 'sent') throw unsentError(limit, error);
    const { kind, severity } = classifyError(error);
    if (severity !== 'ERROR') throw limit;
    throw kind === 'cancelled' ? cancelledError(limit, error) : error;
  }
}

/** A statement that was sent, as far as it matters what it may have done. */
export interface SentStatement {
  readonly text: string | undefined;
  readonly inTransaction: boolean;
  readonly couldNotWrite: boolean;
  readonly idempotent: boolean;
}

/** Whether a statement that is not answered may have been executed for good. */
export function isOutcomeOpen({ text, inTransaction, couldNotWrite, idempotent }: SentStatement): boolean {
  if (couldNotWrite || idempotent) return false;
  return !inTransaction || (text !== undefined && readStatement(text).commits === 'always');
}

/**
 * Waits until a statement's turn on its connection has come.
 * @throws PgHerdError `PGHERD_TIMEOUT`, `PGHERD_ABORTED` if the call ends before: the statement is never sent.
 */
export async function untilTurn(turn: Turn, node: string, call: Call, clock: Clock): Promise<void> {
  let limit: PgHerdError | undefined;
  try {
    await withinCall(turn.granted, call, clock, {
      late: (now) => timedOut(node, call, now),
      abandon: (error) => {
        limit = error;
        turn.withdraw();
      },
    });
  } catch (error) {
    throw limit === undefined ? error : unsentError(limit);
  }
}

/**
 * @throws PgHerdError `PGHERD_TIMEOUT`, `PGHERD_ABORTED` if a limit of the call was reached before its
 * statement is sent.
 */
export function assertInTime(node: string, call: Call, clock: Clock): void {
  const { signal, deadline } = call;
  if (signal?.aborted === true) throw unsentError(abortedError(signal));
  if (deadline === Number.POSITIVE_INFINITY) return;
  const now = clock.now();
  if (isPast(deadline, now)) throw unsentError(timedOut(node, call, now));
}
