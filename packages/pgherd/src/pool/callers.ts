import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
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
  /** Whether it stands for callers that are counted elsewhere: see `Pool.represents`. Default `false`. */
  readonly counted?: boolean | undefined;
  /**
   * Called if the caller has to wait, with a function that removes it from the queue with an error; harmless
   * once it has left.
   */
  readonly queued?: ((leave: (why: unknown) => void) => void) | undefined;
}

/** Callers that wait outside of the queue, and are represented in it by some requests. */
export interface WaitingElsewhere {
  /** How many there are, without those that a request in the queue represents. */
  readonly count: number;
  /** When the first of them began to wait; `undefined` if none waits. */
  readonly oldestSince: number | undefined;
}

/** The ports of a {@link CallerQueue}. */
export interface CallerQueuePorts {
  readonly clock: Clock;
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

/** Callers that wait for a resource, in the order they came, and how long they waited. */
export class CallerQueue<R> {
  readonly #clock: Clock;
  readonly #callers: WaitQueue<Caller<R>>;
  #served = 0;
  #servedMs = 0;
  readonly #elsewhere: WaitingElsewhere[] = [];

  constructor({ clock, lateError, abortedError }: CallerQueuePorts) {
    this.#clock = clock;
    this.#callers = new WaitQueue({
      clock,
      late: ({ reject, since }, now) => reject(lateError(Math.round(now - since))),
      aborted: ({ reject }, signal) => reject(abortedError(signal)),
    });
  }

  get length(): number {
    return this.#callers.size;
  }

  /** All callers that wait, here or elsewhere. */
  get total(): number {
    let count = this.#callers.size;
    for (const queue of this.#elsewhere) count += queue.count;
    return count;
  }

  /**
   * Counts callers that wait elsewhere as well. Returns a function to be called when one of them was served.
   */
  represents(queue: WaitingElsewhere): (waitedMs: number) => void {
    this.#elsewhere.push(queue);
    return (waitedMs) => {
      this.#served++;
      this.#servedMs += waitedMs;
    };
  }

  /** Callers that waited and were served. */
  get served(): number {
    return this.#served;
  }

  /** How long those that were served have waited in total, milliseconds. */
  get servedMs(): number {
    return this.#servedMs;
  }

  /** When the caller that has waited longest began to; `undefined` if none waits. */
  get oldestSince(): number | undefined {
    let oldest = this.#callers.first?.since;
    for (const { oldestSince } of this.#elsewhere) {
      if (oldestSince !== undefined && oldestSince < (oldest ?? Number.POSITIVE_INFINITY))
        oldest = oldestSince;
    }
    return oldest;
  }

  /** Queues a caller. */
  wait(request: AcquireRequest<R>): Promise<R> {
    const now = this.#clock.now();
    const caller = new Caller(this.#callers, request, now);
    const promise = new Promise<R>((resolve, reject) => {
      caller.resolve = resolve;
      caller.reject = reject;
    });
    this.#callers.add(caller, now);
    request.queued?.((why) => {
      if (this.#callers.take(caller)) caller.reject(why);
    });
    return promise;
  }

  /** Gives a resource to the caller that has waited longest. The queue must not be empty. */
  serve(resource: R, now: number): void {
    const caller = this.#callers.first;
    if (caller === undefined) throw new Error('no caller waits');
    this.#callers.take(caller);
    this.#served++;
    this.#servedMs += now - caller.since;
    caller.resolve(resource);
  }

  /** Rejects all callers that wait now. */
  rejectAll(error: () => unknown): void {
    for (const caller of this.#callers.takeAll()) caller.reject(error());
  }
}
