import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import type { Line } from './lines.ts';
import { type Queueable, WaitQueue } from './queue.ts';

/** What a caller asks of `Pool.acquire`. */
export interface AcquireRequest<R> {
  /** When to stop waiting, by the pool's clock. */
  readonly deadline: Deadline;
  readonly signal?: AbortSignal | undefined;
  /** Which idle resource is preferred. */
  readonly prefer?: ((resource: R) => boolean) | undefined;
  /**
   * How many of the pool's resources the caller itself holds: a caller that holds all of them would deadlock.
   * Default 0.
   */
  readonly held?: number | undefined;
}

/** The ports of a {@link CallerLine}. */
export interface CallerLinePorts {
  readonly clock: Clock;
  /** A caller was served. */
  served(waitedMs: number): void;
  /** The error of a caller whose deadline has passed. */
  lateError(waitedMs: number): unknown;
  /** The error of a caller whose signal has aborted. */
  abortedError(signal: AbortSignal): unknown;
}

/** A caller in the queue. */
class Caller<R> implements Queueable<Caller<R>> {
  readonly deadline: number;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  readonly #queue: WaitQueue<Caller<R>>;
  place = -1;
  isQueued = false;
  previous: Caller<R> | undefined;
  next: Caller<R> | undefined;
  resolve: (resource: R) => void = noop;
  reject: (error: unknown) => void = noop;

  constructor(queue: WaitQueue<Caller<R>>, request: AcquireRequest<R>, since: number) {
    this.#queue = queue;
    this.deadline = request.deadline;
    this.signal = request.signal;
    this.since = since;
  }

  handleEvent(): void {
    this.#queue.abort(this);
  }
}

function noop(): void {
  // Replaced as soon as the promise exists.
}

/** The callers that wait for a resource of their own. */
export class CallerLine<R> implements Line<R> {
  readonly #ports: CallerLinePorts;
  readonly #callers: WaitQueue<Caller<R>>;

  constructor(ports: CallerLinePorts) {
    this.#ports = ports;
    this.#callers = new WaitQueue({
      clock: ports.clock,
      late: ({ reject, since }, now) => reject(ports.lateError(Math.round(now - since))),
      aborted: ({ reject }, signal) => reject(ports.abortedError(signal)),
    });
  }

  get size(): number {
    return this.#callers.size;
  }

  get wanted(): number {
    return this.#callers.size;
  }

  get wantsOpened(): number {
    return this.#callers.size;
  }

  get oldestSince(): number | undefined {
    return this.#callers.first?.since;
  }

  get nextSince(): number | undefined {
    return this.#callers.first?.since;
  }

  /** Queues a caller. */
  wait(request: AcquireRequest<R>): Promise<R> {
    const now = this.#ports.clock.now();
    const caller = new Caller(this.#callers, request, now);
    const promise = new Promise<R>((resolve, reject) => {
      caller.resolve = resolve;
      caller.reject = reject;
    });
    this.#callers.add(caller, now);
    return promise;
  }

  serve(resource: R, now: number): void {
    const caller = this.#callers.first;
    if (caller === undefined) throw new Error('no caller waits');
    this.#callers.take(caller);
    this.#ports.served(now - caller.since);
    caller.resolve(resource);
  }

  rejectAll(error: () => unknown): void {
    for (const caller of this.#callers.takeAll()) caller.reject(error());
  }
}
