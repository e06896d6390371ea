import { abortedError, closedError } from '../call/failures.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import { onAbort } from '../time/wait.ts';

/** Calls that are woken in one turn of the event loop. */
const WOKEN_AT_ONCE = 16;

/** How long a call waits, and for what. */
export interface Wait {
  readonly deadline: Deadline;
  readonly signal: AbortSignal | undefined;
  /** Whether a change of a standby's lag wakes the call as well. */
  readonly lagMatters: boolean;
}

/**
 * Calls that wait for the picture to change. Each leaves exactly once: woken, at its deadline, or by abort.
 */
export class CallQueue {
  readonly #clock: Clock;
  readonly #isClosed: () => boolean;
  /** Wakes a call; the value says whether lag matters to it. */
  readonly #waiting = new Map<() => void, boolean>();

  constructor(clock: Clock, isClosed: () => boolean) {
    this.#clock = clock;
    this.#isClosed = isClosed;
  }

  /**
   * Resolves to `true` once woken, to `false` at the deadline; rejects on abort, and when woken by the end of
   * the cluster.
   */
  wait({ deadline, signal, lagMatters }: Wait): Promise<boolean> {
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    return new Promise((resolve, reject) => {
      const leave = () => {
        timer?.cancel();
        forget();
        this.#waiting.delete(wake);
      };
      const wake = () => {
        leave();
        if (this.#isClosed()) reject(closedError());
        else resolve(true);
      };
      const expire = () => {
        leave();
        resolve(false);
      };
      const timer = Number.isFinite(deadline)
        ? this.#clock.schedule(deadline - this.#clock.now(), expire)
        : undefined;
      const forget = onAbort(signal, () => {
        leave();
        reject(abortedError(signal));
      });
      this.#waiting.set(wake, lagMatters);
    });
  }

  /** Calls that wait now. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Wakes all calls, or only those to which lag matters. */
  wake(which: 'all' | 'lag'): void {
    if (this.#waiting.size === 0) return;
    const chosen = [...this.#waiting].filter(([, lagMatters]) => which === 'all' || lagMatters);
    this.#wakeInPortions(chosen.map(([wake]) => wake));
  }

  /** Wakes all calls now: the cluster is closed. */
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
