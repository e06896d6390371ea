import type { Call } from '../call/call.ts';
import { abortedError, timedOut } from '../call/failures.ts';
import type { PgHerdError } from '../model/errors.ts';
import type { Clock, Timer } from '../time/port.ts';

/**
 * Waits until a request to cancel that is on its way to the session's server can hit nothing that comes next.
 * @throws PgHerdError `PGHERD_TIMEOUT`, `PGHERD_ABORTED` where the call ends before.
 */
export async function untilLetGo(
  session: { readonly node: string; readonly handed: { readonly abandoning: Promise<void> | undefined } },
  call: Call,
  clock: Clock,
): Promise<void> {
  const { abandoning } = session.handed;
  if (abandoning === undefined) return;
  await withinCall(abandoning, call, clock, {
    late: (now) => timedOut(session.node, call, now),
    letGo: () => undefined,
  });
}

/** What to do when a call's limit comes before its work is done. */
export interface GiveUp {
  /** The error of a call whose deadline came. */
  late(now: number): PgHerdError;
  /** Makes sure that what the work holds is let go. */
  letGo(error: PgHerdError): void;
}

/**
 * `work`, unless the call's deadline or its signal comes first: then what it holds is let go, and the error says why. The answer
 * may lie unread in the socket when the deadline comes: one more turn of the event loop reads it.
 */
export function withinCall<T>(work: Promise<T>, call: Call, clock: Clock, giveUp: GiveUp): Promise<T> {
  const { deadline, signal } = call;
  if (deadline === Number.POSITIVE_INFINITY && signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    let timer: Timer | undefined;
    const settle = () => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const end = (error: PgHerdError) => {
      settle();
      giveUp.letGo(error);
      reject(error);
    };
    const onAbort = () => end(abortedError(signal));
    const onLate = () => end(giveUp.late(clock.now()));
    if (Number.isFinite(deadline)) {
      timer = clock.schedule(deadline - clock.now(), () => {
        timer = clock.schedule(0, onLate);
      });
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    work.then(resolve, reject).finally(settle);
  });
}
