import { PgHerdError } from '../model/errors.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import { Queue, type Remove } from './queue.ts';

/** What a caller asks of `Pool.acquire`. */
export interface AcquireRequest<R> {
  /** Give up at this moment of the pool's clock. */
  readonly deadline: Deadline;
  readonly signal?: AbortSignal | undefined;
  /** Which of several idle resources is liked better. */
  readonly prefer?: ((resource: R) => boolean) | undefined;
}

interface Waiter<R> {
  readonly resolve: (resource: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Callers who wait for a resource, in the order they came. Each is in the queue until exactly one of resource, error,
 * deadline or abort reaches it; then neither timer nor listener of it is left.
 */
export class Waiters<R> {
  readonly #queue = new Queue<Waiter<R>>();
  readonly #clock: Clock;
  readonly #lateError: (waitedMs: number) => PgHerdError;

  /** `lateError` makes the error of a caller whose deadline came first. */
  constructor(clock: Clock, lateError: (waitedMs: number) => PgHerdError) {
    this.#clock = clock;
    this.#lateError = lateError;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Queues a caller. */
  wait(request: AcquireRequest<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const cleanUp: (() => void)[] = [];
      const settle = () => {
        for (const step of cleanUp) step();
      };
      const waiter: Waiter<R> = {
        resolve: (resource) => {
          settle();
          resolve(resource);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const remove = this.#queue.push(waiter);
      this.#watchDeadline(request.deadline, waiter, remove, cleanUp);
      watchSignal(request.signal, waiter, remove, cleanUp);
    });
  }

  /** The way to whoever waits longest, who is out of the queue then; `undefined` where nobody waits. */
  next(): ((resource: R) => void) | undefined {
    return this.#queue.shift()?.resolve;
  }

  /** Sends everybody away who waits now. */
  rejectAll(error: () => unknown): void {
    for (let count = this.#queue.length; count > 0; count--) this.#queue.shift()?.reject(error());
  }

  #watchDeadline(deadline: Deadline, waiter: Waiter<R>, remove: Remove, cleanUp: (() => void)[]): void {
    if (deadline === Number.POSITIVE_INFINITY) return;
    const waitedFrom = this.#clock.now();
    const timer = this.#clock.schedule(deadline - waitedFrom, () => {
      remove();
      waiter.reject(this.#lateError(Math.round(this.#clock.now() - waitedFrom)));
    });
    cleanUp.push(() => timer.cancel());
  }
}

/** The error of everybody who wants something of a closed pool. */
export function closedError(): PgHerdError {
  return new PgHerdError('PGHERD_CLOSED', 'the pool is closed');
}

/** The error of a caller who gave up waiting. */
function abortedError(signal: AbortSignal): PgHerdError {
  return new PgHerdError('PGHERD_ABORTED', 'the call was aborted while it waited for a connection', {
    cause: signal.reason,
  });
}

/** @throws PgHerdError `PGHERD_ABORTED` */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

function watchSignal<R>(
  signal: AbortSignal | undefined,
  waiter: Waiter<R>,
  remove: Remove,
  cleanUp: (() => void)[],
): void {
  if (signal === undefined) return;
  const onAbort = () => {
    remove();
    waiter.reject(abortedError(signal));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  cleanUp.push(() => signal.removeEventListener('abort', onAbort));
}
