import { abortedError, closedError } from '../call/failures.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';

/** Waiting calls that are woken in one turn of the event loop. */
const WOKEN_AT_ONCE = 16;

/** What a waiting call waits for. */
export interface Wait {
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
  /** Whether a change of a standby's lag is worth a look as well. */
  readonly lagMatters: boolean;
}

/** Calls that wait for the picture to change. Each leaves exactly once: woken, at its deadline, or by abort. */
export class WaitingCalls {
  readonly #clock: Clock;
  readonly #isClosed: () => boolean;
  /** Wakes a call; the value says whether lag matters to it. */
  readonly #waiting = new Map<() => void, boolean>();

  constructor(clock: Clock, isClosed: () => boolean) {
    this.#clock = clock;
    this.#isClosed = isClosed;
  }

  /** Resolves `true` once woken, `false` at the deadline; rejects on abort, and when woken by the end of the cluster. */
  wait({ deadline, signal, lagMatters }: Wait): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (fn: () => void) => {
        timer?.cancel();
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', onAbort);
        fn();
      };
      const wake = () => settle(() => (this.#isClosed() ? reject(closedError()) : resolve(true)));
      const onAbort = () => settle(() => reject(abortedError(signal)));
      const timer = Number.isFinite(deadline)
        ? this.#clock.schedule(deadline - this.#clock.now(), () => settle(() => resolve(false)))
        : undefined;
      this.#waiting.set(wake, lagMatters);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted) onAbort();
    });
  }

  /** Wakes everybody, or only those to whom lag matters. */
  wake(which: 'all' | 'lag'): void {
    if (this.#waiting.size === 0) return;
    const chosen = [...this.#waiting].filter(([, lagMatters]) => which === 'all' || lagMatters);
    this.#wakeInPortions(chosen.map(([wake]) => wake));
  }

  /** Wakes everybody now: the cluster is closed. */
  end(): void {
    for (const wake of [...this.#waiting.keys()]) wake();
  }

  /** Hundreds at once would keep the first of them from reading its answer. */
  #wakeInPortions(waiting: readonly (() => void)[]): void {
    for (const wake of waiting.slice(0, WOKEN_AT_ONCE)) wake();
    const others = waiting.slice(WOKEN_AT_ONCE);
    if (others.length > 0) this.#clock.schedule(0, () => this.#wakeInPortions(others));
  }
}
