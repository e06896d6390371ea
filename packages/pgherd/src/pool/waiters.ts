import type { PgHerdError } from '../model/errors.ts';
import type { Deadline } from '../time/deadline.ts';
import type { Clock } from '../time/port.ts';
import { Deadlines, type Due } from './deadlines.ts';
import { abortedError } from './failures.ts';

/** What a caller asks of `Pool.acquire`. */
export interface AcquireRequest<R> {
  /** Give up at this moment of the pool's clock. */
  readonly deadline: Deadline;
  readonly signal?: AbortSignal | undefined;
  /** Which of several idle resources is liked better. */
  readonly prefer?: ((resource: R) => boolean) | undefined;
  /** How many of the pool's resources the caller itself holds, so that it would wait for itself. Default 0. */
  readonly held?: number | undefined;
  /** Whether it stands for callers who are counted elsewhere: see `Pool.represents`. Default `false`. */
  readonly counted?: boolean | undefined;
  /** Told, where the caller has to wait, how to take it out of the queue with an error; harmless when it is not there any more. */
  readonly queued?: ((leave: (why: unknown) => void) => void) | undefined;
}

/** Callers who wait outside of the queue, and whom some stand for in it. */
export interface WaitingElsewhere {
  /** How many there are, without those whom somebody stands for. */
  readonly count: number;
  /** Since when the one in front waits; `undefined` where nobody does. */
  readonly oldestSince: number | undefined;
}

/** Told when a caller leaves the queue without a resource. */
export interface WaitersPorts {
  readonly clock: Clock;
  /** The error of a caller whose deadline came first. */
  lateError(waitedMs: number): PgHerdError;
}

/** One caller in the queue. It is its own link, its own entry among the deadlines and its own listener: nothing else is made for it. */
class Waiter<R> implements Due {
  readonly deadline: number;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  readonly #home: Waiters<R>;
  place = -1;
  /** Whether it is in the queue. */
  waits = true;
  previous: Waiter<R> | undefined;
  next: Waiter<R> | undefined;
  resolve: (resource: R) => void = nobody;
  reject: (error: unknown) => void = nobody;

  constructor(home: Waiters<R>, request: AcquireRequest<R>, since: number) {
    this.#home = home;
    this.deadline = request.deadline;
    this.signal = request.signal;
    this.since = since;
  }

  handleEvent(): void {
    if (this.signal !== undefined) this.#home.dismiss(this, abortedError(this.signal));
  }
}

function nobody(): void {
  // Replaced as soon as the promise exists.
}

/**
 * Callers who wait for a resource, in the order they came. Each is in the queue until exactly one of resource, error,
 * deadline or abort reaches it; then neither deadline nor listener of it is left.
 */
export class Waiters<R> {
  readonly #ports: WaitersPorts;
  readonly #deadlines: Deadlines<Waiter<R>>;
  #first: Waiter<R> | undefined;
  #last: Waiter<R> | undefined;
  #length = 0;
  #served = 0;
  #servedMs = 0;
  readonly #elsewhere: WaitingElsewhere[] = [];

  constructor(ports: WaitersPorts) {
    this.#ports = ports;
    this.#deadlines = new Deadlines(ports.clock, (waiter, now) =>
      this.dismiss(waiter, ports.lateError(Math.round(now - waiter.since))),
    );
  }

  get length(): number {
    return this.#length;
  }

  /** All who wait, here or elsewhere. */
  get total(): number {
    let count = this.#length;
    for (const queue of this.#elsewhere) count += queue.count;
    return count;
  }

  /** Takes callers who wait elsewhere into account; says how to tell that one of them was served. */
  represents(queue: WaitingElsewhere): (waitedMs: number) => void {
    this.#elsewhere.push(queue);
    return (waitedMs) => {
      this.#served++;
      this.#servedMs += waitedMs;
    };
  }

  /** Callers who waited and were served. */
  get served(): number {
    return this.#served;
  }

  /** How long those who were served have waited, all in all, milliseconds. */
  get servedMs(): number {
    return this.#servedMs;
  }

  /** Since when whoever waits longest does; `undefined` where nobody does. */
  get oldestSince(): number | undefined {
    let oldest = this.#first?.since;
    for (const { oldestSince } of this.#elsewhere) {
      if (oldestSince !== undefined && oldestSince < (oldest ?? Number.POSITIVE_INFINITY))
        oldest = oldestSince;
    }
    return oldest;
  }

  /** Queues a caller. */
  wait(request: AcquireRequest<R>): Promise<R> {
    const now = this.#ports.clock.now();
    const waiter = new Waiter(this, request, now);
    const promise = new Promise<R>((resolve, reject) => {
      waiter.resolve = resolve;
      waiter.reject = reject;
    });
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.#length++;
    this.#deadlines.add(waiter, now);
    waiter.signal?.addEventListener('abort', waiter, ONCE);
    request.queued?.((why) => {
      if (waiter.waits) this.dismiss(waiter, why);
    });
    return promise;
  }

  /** Gives a resource to whoever waits longest. There must be one. */
  serve(resource: R, now: number): void {
    const waiter = this.#first;
    if (waiter === undefined) throw new Error('nobody waits');
    this.#take(waiter);
    this.#served++;
    this.#servedMs += now - waiter.since;
    waiter.resolve(resource);
  }

  /** Sends everybody away who waits now. */
  rejectAll(error: () => unknown): void {
    for (let count = this.#length; count > 0 && this.#first !== undefined; count--) {
      this.dismiss(this.#first, error());
    }
  }

  /** Sends one away. */
  dismiss(waiter: Waiter<R>, error: unknown): void {
    this.#take(waiter);
    waiter.reject(error);
  }

  #take(waiter: Waiter<R>): void {
    waiter.waits = false;
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    waiter.previous = undefined;
    waiter.next = undefined;
    this.#length--;
    this.#deadlines.remove(waiter);
    waiter.signal?.removeEventListener('abort', waiter);
  }
}

const ONCE = Object.freeze({ once: true });
