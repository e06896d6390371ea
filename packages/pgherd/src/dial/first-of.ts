import type { Clock } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';

/** What {@link firstOf} runs. */
export interface Attempts<T> {
  /** When later attempts begin if none has settled, in milliseconds after the first. */
  readonly laterMs: readonly number[];
  /** Makes one attempt; it is aborted when another one has settled. */
  attempt(signal: AbortSignal): Promise<T>;
  /** Takes the result of an attempt that came after another one had settled. */
  discard(late: T): void;
}

/**
 * The outcome, good or bad, of the attempt that settles first; the others are aborted. When the signal
 * aborts, all of them are, and the signal's reason is the outcome.
 */
export async function firstOf<T>(clock: Clock, attempts: Attempts<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const running = new Set<AbortController>();
  const ends: (() => void)[] = [];
  let settled = false;
  try {
    return await new Promise<T>((resolve, reject) => {
      const fail = (error: unknown) => {
        settled = true;
        reject(error);
      };
      const begin = () => {
        const abort = new AbortController();
        running.add(abort);
        attempts.attempt(abort.signal).then((value) => {
          if (settled) return attempts.discard(value);
          settled = true;
          running.delete(abort);
          resolve(value);
        }, fail);
      };
      for (const ms of attempts.laterMs) {
        const timer = clock.schedule(ms, begin, { ref: false });
        ends.push(() => timer.cancel());
      }
      ends.push(onAbort(signal, () => fail(signal.reason)));
      begin();
    });
  } finally {
    for (const end of ends) end();
    for (const abort of running) abort.abort(new Error('another attempt has settled'));
  }
}
