import { PgHerdError } from '../model/errors.ts';
import type { Clock, Random, Timer } from '../time/port.ts';
import type { PoolFactory, PoolSettings, PoolStats } from './settings.ts';
import { type AcquireRequest, closedError, throwIfAborted, Waiters } from './waiters.ts';

/** Told to callers who wait for a resource that will not come: look elsewhere. Never leaves the library. */
export class Redirected extends Error {}

/** How many idle resources are looked at for one that the caller prefers. */
const PREFERENCE_DEPTH = 8;

/** Pause before another resource is opened for those who still wait after one could not be, milliseconds. */
const REOPEN_START_MS = 50;
const REOPEN_MAX_MS = 1_000;

interface Entry<R> {
  readonly resource: R;
  readonly expiresAt: number;
  readonly generation: number;
  state: 'idle' | 'leased' | 'validating';
  uses: number;
  idleSince: number;
}

/** The ports of a pool. */
export interface PoolPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Hands out resources, the last one returned first, to callers in the order they came.
 *
 * An entry is `idle` (in the stack), `leased` (with a caller) or `validating` (asked whether it still works); it exists
 * from the moment it is open until it is closed, and in exactly one of these states. A resource being opened or validated
 * belongs to nobody: whoever waits longest gets it, and if nobody waits any more it becomes idle. A waiter is in the
 * queue until exactly one of resource, error, deadline or abort reaches it. At rest nothing is idle while more callers
 * wait than resources are being validated.
 */
export class Pool<R extends object> {
  readonly #settings: PoolSettings;
  readonly #factory: PoolFactory<R>;
  readonly #ports: PoolPorts;
  readonly #entries = new Map<R, Entry<R>>();
  readonly #idle: Entry<R>[] = [];
  readonly #waiters: Waiters<R>;
  readonly #validating = new Set<Entry<R>>();
  /** Openings in progress; each tells whether it came to be. */
  readonly #opening = new Map<AbortController, Promise<boolean>>();
  #generation = 0;
  #opened = 0;
  #closed = 0;
  #reaper: Timer | undefined;
  /** Runs while waiters are left after an opening failed. */
  #reopening: Timer | undefined;
  #failuresInARow = 0;
  /** When the reaper comes. */
  #reapAt = Number.POSITIVE_INFINITY;
  #closing = false;
  #onEmpty: (() => void)[] = [];

  constructor(settings: PoolSettings, factory: PoolFactory<R>, ports: PoolPorts) {
    this.#settings = settings;
    this.#factory = factory;
    this.#ports = ports;
    this.#waiters = new Waiters<R>(ports.clock, (waitedMs) => this.#lateError(waitedMs));
  }

  /** A snapshot of the counts. */
  stats(): PoolStats {
    const idle = this.#idle.length;
    return Object.freeze({
      size: this.#entries.size,
      idle,
      leased: this.#entries.size - idle,
      opening: this.#opening.size,
      waiting: this.#waiters.length,
      max: this.#settings.max,
      opened: this.#opened,
      closed: this.#closed,
    });
  }

  /** Idle resources now. */
  get idleCount(): number {
    return this.#idle.length;
  }

  /** An idle resource that needs no validation, at once, or `undefined`. Never overtakes a waiter. */
  tryAcquire(prefer?: (resource: R) => boolean): R | undefined {
    if (this.#closing || this.#waiters.length > 0) return undefined;
    const index = this.#indexOfIdle(prefer);
    const entry = this.#idle[index];
    if (entry === undefined || this.#needsValidation(entry)) return undefined;
    this.#idle.splice(index, 1);
    return this.#lease(entry);
  }

  /**
   * A resource, as soon as there is one.
   * @throws PgHerdError `PGHERD_WAIT_TIMEOUT` at the deadline, `PGHERD_POOL_FULL` when too many wait already,
   * `PGHERD_ABORTED` on abort, `PGHERD_CLOSED` once closed; else what `open` rejected with.
   */
  async acquire(request: AcquireRequest<R>): Promise<R> {
    if (this.#closing) throw closedError();
    throwIfAborted(request.signal);
    const index = this.#waiters.length > 0 ? -1 : this.#indexOfIdle(request.prefer);
    const entry = this.#idle[index];
    if (entry === undefined) {
      this.#assertRoom();
      const waiting = this.#waiters.wait(request);
      this.#fill();
      return waiting;
    }
    this.#idle.splice(index, 1);
    if (!this.#needsValidation(entry)) return this.#lease(entry);
    const waiting = this.#waiters.wait(request);
    void this.#validate(entry);
    this.#fill();
    return waiting;
  }

  /** Takes a resource back. `discard` says why it cannot be used again. */
  release(resource: R, discard?: string): void {
    const entry = this.#entries.get(resource);
    if (entry === undefined) return;
    if (entry.state !== 'leased') throw new Error('released twice');
    const reason = discard ?? this.#worn(entry);
    if (reason !== undefined) this.#discard(entry, reason);
    else this.#settle(entry);
    this.#fill();
  }

  /** Forgets a resource that closed itself. */
  forget(resource: R): void {
    const entry = this.#entries.get(resource);
    if (entry === undefined) return;
    this.#drop(entry);
    this.#fill();
  }

  /** Whether the resource is with a caller. */
  isLeased(resource: R): boolean {
    return this.#entries.get(resource)?.state === 'leased';
  }

  /** Closes what is idle now, what is leased when it comes back, and gives up what is being opened. */
  evict(reason: string): void {
    this.#generation++;
    for (const controller of this.#opening.keys())
      controller.abort(new PgHerdError('PGHERD_ABORTED', reason));
    this.#discardFree(reason);
    this.#fill();
  }

  /** Sends everybody who waits to look elsewhere. */
  redirectWaiters(reason: string): void {
    this.#waiters.rejectAll(() => new Redirected(reason));
  }

  /** Destroys every resource that `which` names, leased or not. */
  destroyWhere(which: (resource: R) => boolean, reason: string): void {
    for (const entry of [...this.#entries.values()]) {
      if (!which(entry.resource)) continue;
      this.#drop(entry);
      this.#factory.destroy(entry.resource, reason);
    }
    this.#fill();
  }

  /** Opens resources until there are `count` (at most `max`); resolves when done or when one fails. */
  async warmUp(count: number): Promise<void> {
    const goal = Math.min(count, this.#settings.max);
    while (!this.#closing && this.#entries.size < goal) {
      this.#openUntil(goal);
      const cameToBe = await Promise.race(this.#opening.values());
      if (cameToBe !== true) return;
    }
  }

  /** Refuses new callers and resolves when the last leased resource came back. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#reaper?.cancel();
    this.#reopening?.cancel();
    this.#waiters.rejectAll(closedError);
    for (const controller of this.#opening.keys()) controller.abort(closedError());
    this.#discardFree('the pool is closing');
    if (this.#entries.size === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Destroys everything at once. */
  terminate(): void {
    void this.close();
    this.destroyWhere(() => true, 'the pool was terminated');
  }

  /** Where the entry stands that the caller likes best, or -1. */
  #indexOfIdle(prefer: ((resource: R) => boolean) | undefined): number {
    const last = this.#idle.length - 1;
    if (prefer === undefined) return last;
    for (let index = last; index >= Math.max(0, last - PREFERENCE_DEPTH + 1); index--) {
      const entry = this.#idle[index];
      if (entry !== undefined && prefer(entry.resource)) return index;
    }
    return last;
  }

  #lease(entry: Entry<R>): R {
    entry.state = 'leased';
    entry.uses++;
    return entry.resource;
  }

  #putIdle(entry: Entry<R>): void {
    entry.state = 'idle';
    this.#idle.push(entry);
    this.#reapNoLaterThan(entry.expiresAt);
    // Above another one it is not the first to be idle for too long.
    if (this.#idle.length === 1) this.#reapNoLaterThan(this.#idleEnd());
  }

  /** Gives a free entry to whoever waits longest, else puts it into the stack. */
  #settle(entry: Entry<R>): void {
    entry.idleSince = this.#ports.clock.now();
    const hand = this.#waiters.next();
    if (hand === undefined) this.#putIdle(entry);
    else hand(this.#lease(entry));
  }

  #needsValidation(entry: Entry<R>): boolean {
    return this.#ports.clock.now() - entry.idleSince >= this.#settings.validateAfterMs;
  }

  /** Asks an entry that was taken from the stack; then it serves whoever waits longest, who may be another by now. */
  async #validate(entry: Entry<R>): Promise<void> {
    entry.state = 'validating';
    this.#validating.add(entry);
    const works = await this.#factory.validate(entry.resource).catch(() => false);
    // Closed meanwhile, by whatever way: it is nobody's any more.
    if (!this.#validating.delete(entry)) return;
    const reason = works ? this.#worn(entry) : 'failed its validation';
    if (reason === undefined) this.#settle(entry);
    else this.#discard(entry, reason);
    this.#fill();
  }

  /** Those for whom there is room to open one are not counted: they wait for nobody. */
  #assertRoom(): void {
    const { max, maxWaiting } = this.#settings;
    if (this.#waiters.length < maxWaiting + max - this.#entries.size) return;
    const sentence = `${maxWaiting} callers wait for one of ${max} connections already (pool.maxWaiting)`;
    throw new PgHerdError('PGHERD_POOL_FULL', sentence, { details: { maxWaiting, max } });
  }

  #lateError(waitedMs: number): PgHerdError {
    const { max, leased, opening } = this.stats();
    const counts = `${leased} of ${max} are in use, ${opening} are being opened`;
    const sentence = `no connection became free within ${waitedMs} ms; ${counts} (pool.max, waitTimeoutMs)`;
    return new PgHerdError('PGHERD_WAIT_TIMEOUT', sentence, { details: { waitedMs, max, leased, opening } });
  }

  /** Finds something for those who wait: what is idle first, then as many new ones as are wanted and allowed. */
  #fill(): void {
    const { max, min } = this.#settings;
    if (this.#closing || (this.#waiters.length === 0 && this.#entries.size >= min)) return;
    this.#spendIdle();
    const wanted = Math.max(this.#waiters.length - this.#validating.size, min - this.#entries.size);
    this.#openUntil(Math.min(max, this.#entries.size + wanted));
  }

  /** Opens what is missing to `size`, as far as `maxConnecting` allows at one time. */
  #openUntil(size: number): void {
    const { maxConnecting } = this.#settings;
    while (this.#opening.size < Math.min(maxConnecting, size - this.#entries.size)) {
      const controller = new AbortController();
      this.#opening.set(controller, this.#open(controller));
    }
  }

  #spendIdle(): void {
    while (this.#waiters.length > this.#validating.size) {
      const entry = this.#idle.pop();
      if (entry === undefined) return;
      if (this.#needsValidation(entry)) void this.#validate(entry);
      else this.#waiters.next()?.(this.#lease(entry));
    }
  }

  async #open(controller: AbortController): Promise<boolean> {
    const generation = this.#generation;
    try {
      // A factory that throws at once is one that rejects: the opening is in the list before it ends.
      const resource = await (async () => this.#factory.open(controller.signal))();
      this.#opening.delete(controller);
      this.#admit(resource, generation);
      return true;
    } catch (error) {
      this.#opening.delete(controller);
      // What was given up says nothing to those who wait now.
      if (generation === this.#generation) this.#onOpenFailed(error);
      else this.#fill();
      return false;
    }
  }

  #admit(resource: R, generation: number): void {
    this.#opened++;
    this.#failuresInARow = 0;
    if (this.#closing || generation !== this.#generation) {
      this.#closed++;
      this.#factory.close(resource, 'no longer wanted');
      this.#fill();
      return;
    }
    const now = this.#ports.clock.now();
    const { maxLifetimeMs } = this.#settings;
    const lifetime = maxLifetimeMs * (1 - 0.1 * this.#ports.random.next());
    const expiresAt = maxLifetimeMs === 0 ? Number.POSITIVE_INFINITY : now + lifetime;
    const entry: Entry<R> = { resource, expiresAt, generation, state: 'idle', uses: 0, idleSince: now };
    this.#entries.set(resource, entry);
    // Another one is above `min` now.
    this.#reapNoLaterThan(this.#idleEnd());
    this.#settle(entry);
    this.#fill();
  }

  /**
   * With nothing open nobody must queue here. Else waiters can be served by what is open; but that may be leased for long,
   * so that another one is opened after a pause, which doubles with each failure.
   */
  #onOpenFailed(error: unknown): void {
    if (this.#entries.size === 0 && this.#opening.size === 0) this.#waiters.rejectAll(() => error);
    if (this.#closing || this.#waiters.length === 0) return;
    const pauseMs = Math.min(REOPEN_MAX_MS, REOPEN_START_MS * 2 ** this.#failuresInARow++);
    this.#reopening?.cancel();
    this.#reopening = this.#ports.clock.schedule(pauseMs, () => this.#fill(), { ref: false });
  }

  #worn(entry: Entry<R>): string | undefined {
    if (this.#closing) return 'the pool is closing';
    if (entry.generation !== this.#generation) return 'evicted';
    if (this.#ports.clock.now() >= entry.expiresAt) return 'reached pool.maxLifetimeMs';
    const { maxUses } = this.#settings;
    return maxUses > 0 && entry.uses >= maxUses ? 'reached pool.maxUses' : undefined;
  }

  #discard(entry: Entry<R>, reason: string): void {
    this.#drop(entry);
    this.#factory.close(entry.resource, reason);
  }

  /** Closes what is with no caller. */
  #discardFree(reason: string): void {
    for (const entry of [...this.#idle, ...this.#validating]) this.#discard(entry, reason);
  }

  /** Takes an entry out of wherever it is. */
  #drop(entry: Entry<R>): void {
    if (!this.#entries.delete(entry.resource)) return;
    if (entry.state === 'idle') this.#idle.splice(this.#idle.indexOf(entry), 1);
    else this.#validating.delete(entry);
    this.#closed++;
    if (this.#entries.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** When the bottom of the stack, which has been idle for longest, has been so for too long. */
  #idleEnd(): number {
    const { idleTimeoutMs, min } = this.#settings;
    const oldest = this.#idle[0];
    if (oldest === undefined || idleTimeoutMs === 0 || this.#entries.size <= min)
      return Number.POSITIVE_INFINITY;
    return oldest.idleSince + idleTimeoutMs;
  }

  /** One timer serves all that is idle. It may come too early, never too late. */
  #reapNoLaterThan(at: number): void {
    if (at >= this.#reapAt || this.#closing) return;
    this.#reaper?.cancel();
    this.#reapAt = at;
    const delay = Math.max(1, at - this.#ports.clock.now());
    this.#reaper = this.#ports.clock.schedule(delay, () => this.#reap(), { ref: false });
  }

  #reap(): void {
    this.#reapAt = Number.POSITIVE_INFINITY;
    const now = this.#ports.clock.now();
    for (const entry of [...this.#idle]) {
      if (now >= entry.expiresAt) this.#discard(entry, 'reached pool.maxLifetimeMs');
      else if (entry === this.#idle[0] && now >= this.#idleEnd()) {
        this.#discard(entry, 'idle for pool.idleTimeoutMs');
      }
    }
    this.#fill();
    this.#reapNoLaterThan(Math.min(this.#idleEnd(), ...this.#idle.map((entry) => entry.expiresAt)));
  }
}
