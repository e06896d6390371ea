import type { Call } from '../call/call.ts';
import { abortedError, timedOut } from '../call/failures.ts';
import type { PgHerdError } from '../model/errors.ts';
import type { Clock } from '../time/port.ts';
import { within } from '../time/wait.ts';

/**
 * Waits until no request to cancel is on its way to the session's server: it would hit the next statement.
 * @throws PgHerdError `PGHERD_TIMEOUT`, `PGHERD_ABORTED` if the call ends before.
 */
export async function untilSettled(
  session: { readonly node: string; readonly handed: { readonly abandoning: Promise<void> | undefined } },
  call: Call,
  clock: Clock,
): Promise<void> {
  const { abandoning } = session.handed;
  if (abandoning === undefined) return;
  await withinCall(abandoning, call, clock, {
    late: (now) => timedOut(session.node, call, now),
    abandon: () => undefined,
  });
}

/** What to do when a call reaches its deadline or is aborted before its work is done. */
export interface AtLimit {
  /** The error of a call that reached its deadline. */
  late(now: number): PgHerdError;
  /** Abandons what the work holds. */
  abandon(error: PgHerdError): void;
}

/** The result of `work`, unless the call's deadline or its signal comes first: see {@link within}. */
export function withinCall<T>(work: Promise<T>, call: Call, clock: Clock, atLimit: AtLimit): Promise<T> {
  const { deadline, signal } = call;
  if (deadline === Number.POSITIVE_INFINITY && signal === undefined) return work;
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
