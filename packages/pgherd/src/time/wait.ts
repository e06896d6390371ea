import { PgHerdError } from '../model/errors.ts';
import type { Deadline } from './deadline.ts';
import type { Clock, ScheduleOptions, Timer } from './port.ts';
import { watchdog } from './watchdog.ts';

const ONCE = Object.freeze({ once: true });

/**
 * Calls `fn` when the signal aborts, and at once if it has aborted already. Returns a function that withdraws
 * it, harmless to call twice. Without a signal nothing happens.
 */
export function onAbort(signal: AbortSignal | undefined, fn: () => void): () => void {
  if (signal === undefined) return noop;
  if (signal.aborted) {
    fn();
    return noop;
  }
  signal.addEventListener('abort', fn, ONCE);
  return () => signal.removeEventListener('abort', fn);
}

function noop(): void {}

/** Resolves to `true` after `ms` milliseconds, or to `false` as soon as the signal aborts. Never rejects. */
export function sleep(
  clock: Clock,
  ms: number,
  signal?: AbortSignal,
  options?: ScheduleOptions,
): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.schedule(
      Math.max(0, ms),
      () => {
        forget();
        resolve(true);
      },
      options,
    );
    const forget = onAbort(signal, () => {
      timer.cancel();
      resolve(false);
    });
  });
}

/**
 * The result of `work`, or a rejection with `PGHERD_TIMEOUT` after `ms` milliseconds. An answer that is
 * unread in the socket by then still counts (see {@link watchdog}).
 */
export async function withLimit<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T> {
  let expire: (error: unknown) => void = noop;
  const expired = new Promise<never>((_resolve, reject) => {
    expire = reject;
  });
  const timer = watchdog(clock, ms, () =>
    expire(new PgHerdError('PGHERD_TIMEOUT', `no answer within ${ms} ms`)),
  );
  try {
    return await Promise.race([work, expired]);
  } finally {
    timer.cancel();
  }
}

/**
 * The result of `work`, or a rejection as soon as the signal aborts: with what `aborted` returns, by default
 * the signal's reason. `aborted` is called at most once, and has to end what the work holds.
 */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  aborted: () => unknown = () => signal.reason,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, () => reject(aborted()));
    settleWith(work, forget, resolve, reject);
  });
}

/** Limits of {@link within}, and what to do when one of them is reached. */
export interface Limits {
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
  /** Ends what the work holds and returns the error for a deadline that has passed. */
  late(now: number): unknown;
  /** Ends what the work holds and returns the error for an abort. */
  aborted(): unknown;
}

/**
 * The result of `work`, unless its deadline or its signal comes first. The answer may be unread in the socket
 * at the deadline: one more turn of the event loop reads it.
 */
export function within<T>(clock: Clock, work: Promise<T>, limits: Limits): Promise<T> {
  const { deadline, signal } = limits;
  if (deadline === Number.POSITIVE_INFINITY && signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    let timer: Timer | undefined;
    let forget = noop;
    const settle = () => {
      timer?.cancel();
      forget();
    };
    if (Number.isFinite(deadline)) {
      timer = clock.schedule(Math.max(0, deadline - clock.now()), () => {
        timer = clock.schedule(0, () => {
          settle();
          reject(limits.late(clock.now()));
        });
      });
    }
    forget = onAbort(signal, () => {
      settle();
      reject(limits.aborted());
    });
    settleWith(work, settle, resolve, reject);
  });
}

/**
 * Withdraws timers and listeners before the caller has the answer: an abort by the caller must not end what
 * the work held.
 */
function settleWith<T>(
  work: Promise<T>,
  withdraw: () => void,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): void {
  work.then(
    (value) => {
      withdraw();
      resolve(value);
    },
    (error) => {
      withdraw();
      reject(error);
    },
  );
}
