import { PgHerdError } from '../model/errors.ts';
import type { Clock, Random } from '../time/port.ts';
import { type AcquireRequest, CallerQueue, type WaitingElsewhere } from './callers.ts';
import { Drains } from './drains.ts';
import { closedError, fullError, lateError, Redirected, selfDeadlock, throwIfAborted } from './failures.ts';
import { Alarm, type Entry, IdleStack } from './idle.ts';
import { Openings } from './openings.ts';
import type { PoolFactory, PoolSettings, PoolStats } from './settings.ts';

/** The ports of a pool. */
export interface PoolPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Hands out resources, the last one returned first, to callers in the order they came.
 *
 * An entry is `idle` (in the stack), `leased` (with a caller) or `checked` (asked whether it may be used); it exists from
 * the moment it is open until it is closed, and in exactly one of these states. A resource being opened or checked
 * belongs to nobody: whoever waits longest gets it, and if nobody waits any more it becomes idle. A waiter is in the
 * queue until exactly one of resource, error, deadline or abort reaches it. At rest nothing is idle while more callers
 * wait than resources are being checked.
 */
export class Pool<R extends object> {
  readonly #settings: PoolSettings;
  readonly #factory: PoolFactory<R>;
  readonly #ports: PoolPorts;
  readonly #entries = new Map<R, Entry<R>>();
  readonly #idle = new IdleStack<R>();
  readonly #waiters: CallerQueue<R>;
  readonly #checked = new Set<Entry<R>>();
  readonly #openings: Openings<R>;
  readonly #drains = new Drains();
  /** Comes when something idle may be too old. */
  readonly #reaper: Alarm;
  #generation = 0;
  #opened = 0;
  #closed = 0;
  #failed = 0;
  #acquired = 0;
  #closing = false;

  constructor(settings: PoolSettings, factory: PoolFactory<R>, ports: PoolPorts) {
    this.#settings = settings;
    this.#factory = factory;
    this.#ports = ports;
    const { clock } = ports;
    this.#waiters = new CallerQueue<R>({ clock, lateError: (waitedMs) => lateError(this.stats(), waitedMs) });
    this.#reaper = new Alarm(clock, () => this.#reap());
    this.#openings = new Openings<R>({
      clock,
      maxConnecting: settings.maxConnecting,
      open: (signal) => factory.open(signal),
      opened: (resource, wanted) => this.#admit(resource, wanted),
      failed: (wanted) => {
        if (wanted) this.#failed++;
        this.#fill();
      },
      ready: () => this.#fill(),
    });
  }

  /** A snapshot of the counts. */
  stats(): PoolStats {
    const size = this.#entries.size;
    const idle = this.#idle.length;
    const checking = this.#checked.size;
    const { oldestSince, served, servedMs } = this.#waiters;
    return Object.freeze({
      size,
      idle,
      leased: size - idle - checking,
      checking,
      opening: this.#openings.count,
      waiting: this.#waiters.total,
      max: this.#settings.max,
      opened: this.#opened,
      closed: this.#closed,
      failed: this.#failed,
      acquired: this.#acquired,
      waited: served,
      waitedMs: servedMs,
      oldestWaitMs: oldestSince === undefined ? 0 : this.#ports.clock.now() - oldestSince,
    });
  }

  /** Idle resources now. */
  get idleCount(): number {
    return this.#idle.length;
  }

  /** Most resources there may be. */
  get max(): number {
    return this.#settings.max;
  }

  /** Takes callers who wait elsewhere into account, for whom some stand in this queue. Says how to tell that one was served. */
  represents(queue: WaitingElsewhere): (waitedMs: number) => void {
    return this.#waiters.represents(queue);
  }

  /** Callers that wait and for whom no resource can be opened. */
  get starving(): number {
    return Math.max(0, this.#waiters.length - (this.#settings.max - this.#entries.size));
  }

  /**
   * An idle resource that needs no validation, at once, or `undefined`. Never overtakes a waiter. `now` is the moment of the
   * pool's clock, where the caller has just read it.
   */
  tryAcquire(prefer?: (resource: R) => boolean, now?: number): R | undefined {
    if (this.#closing || this.#waiters.length > 0) return undefined;
    const index = this.#idle.find(prefer);
    const entry = this.#idle.at(index);
    if (entry === undefined || this.#needsValidation(entry, now)) return undefined;
    this.#idle.removeAt(index);
    return this.#lease(entry);
  }

  /**
   * A resource, as soon as there is one.
   * @throws PgHerdError `PGHERD_WAIT_TIMEOUT` at the deadline, `PGHERD_POOL_FULL` when too many wait already,
   * `PGHERD_POOL_SELF_DEADLOCK` when the caller holds all there may be, `PGHERD_ABORTED` on abort, `PGHERD_CLOSED` once
   * closed; else what `open` rejected with.
   */
  async acquire(request: AcquireRequest<R>): Promise<R> {
    if (this.#closing) throw closedError();
    throwIfAborted(request.signal);
    const index = this.#waiters.length > 0 ? -1 : this.#idle.find(request.prefer);
    const entry = this.#idle.at(index);
    if (entry === undefined) {
      if (request.counted !== true) this.assertRoom(request.held);
      const waiting = this.#waiters.wait(request);
      this.#fill();
      return waiting;
    }
    this.#idle.removeAt(index);
    if (!this.#needsValidation(entry)) return this.#lease(entry);
    const waiting = this.#waiters.wait(request);
    this.#validate(entry);
    this.#fill();
    return waiting;
  }

  /** Takes a resource back. `discard` says why it cannot be used again; `now` as of {@link tryAcquire}. */
  release(resource: R, discard?: string, now?: number): void {
    const entry = this.#entries.get(resource);
    if (entry === undefined) return;
    if (entry.state !== 'leased') throw new Error('released twice');
    const at = now ?? this.#ports.clock.now();
    const reason = discard ?? this.#worn(entry, at);
    if (reason !== undefined) this.#discard(entry, reason);
    else if (this.#factory.returned !== undefined) {
      void this.#check(entry, this.#factory.returned(resource), 'refused by hooks.afterRelease');
    } else this.#settle(entry, at);
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

  /** Why a leased resource would be closed if it came back now; `undefined` where it would be kept. */
  outworn(resource: R): string | undefined {
    const entry = this.#entries.get(resource);
    return entry === undefined ? 'closed' : this.#worn(entry, this.#ports.clock.now());
  }

  /** Closes what is idle now, what is leased when it comes back, and gives up what is being opened. */
  evict(reason: string): void {
    this.#generation++;
    this.#openings.giveUp(() => new PgHerdError('PGHERD_ABORTED', reason));
    this.#discardFree(reason);
    this.#fill();
  }

  /** As {@link evict}; resolves when the last resource that is open now is closed. */
  async drain(reason: string): Promise<void> {
    this.evict(reason);
    await this.#drains.wait(this.#generation, this.#entries.values());
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
      this.#openings.atLeast(goal - this.#entries.size, true);
      if ((await this.#openings.next()) !== true) return;
    }
  }

  /** There is reason to believe that opening will do now, whatever failed before. */
  revive(): void {
    if (this.#openings.failuresInARow === 0) return;
    this.#openings.forgive();
    this.#fill();
  }

  /** Refuses new callers and resolves when the last leased resource came back. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#reaper.cancel();
    this.#waiters.rejectAll(closedError);
    this.#openings.end(closedError);
    this.#discardFree('the pool is closing');
    await this.#drains.wait(Number.POSITIVE_INFINITY, this.#entries.values());
  }

  /** Destroys everything at once. */
  terminate(): void {
    void this.close();
    this.destroyWhere(() => true, 'the pool was terminated');
  }

  #lease(entry: Entry<R>): R {
    entry.state = 'leased';
    entry.uses++;
    this.#acquired++;
    return entry.resource;
  }

  #serve(entry: Entry<R>, now: number): void {
    this.#waiters.serve(this.#lease(entry), now);
  }

  /** Gives a free entry to whoever waits longest, else puts it into the stack. */
  #settle(entry: Entry<R>, now: number): void {
    if (this.#waiters.length > 0) {
      this.#serve(entry, now);
      return;
    }
    entry.idleSince = now;
    entry.state = 'idle';
    this.#idle.push(entry);
    this.#reaper.noLaterThan(entry.expiresAt);
    // Above another one it is not the first to be idle for too long.
    if (this.#idle.length === 1) this.#reaper.noLaterThan(this.#idleEnd());
  }

  #needsValidation(entry: Entry<R>, now?: number): boolean {
    const { validateAfterMs } = this.#settings;
    if (validateAfterMs === Number.POSITIVE_INFINITY) return false;
    return (now ?? this.#ports.clock.now()) - entry.idleSince >= validateAfterMs;
  }

  /** Asks an entry that was taken from the stack. */
  #validate(entry: Entry<R>): void {
    const idleMs = this.#ports.clock.now() - entry.idleSince;
    void this.#check(entry, this.#factory.validate(entry.resource, idleMs), 'failed its validation');
  }

  /** An entry whose fate `work` decides; then it serves whoever waits longest, who may be another by now. */
  async #check(entry: Entry<R>, work: Promise<boolean>, refusal: string): Promise<void> {
    entry.state = 'checked';
    this.#checked.add(entry);
    const works = await work.catch(() => false);
    // Closed meanwhile, by whatever way: it is nobody's any more.
    if (!this.#checked.delete(entry)) return;
    const now = this.#ports.clock.now();
    const reason = works ? this.#worn(entry, now) : refusal;
    if (reason === undefined) this.#settle(entry, now);
    else this.#discard(entry, reason);
    this.#fill();
  }

  /**
   * Those for whom there is room to open one are not counted: they wait for nobody.
   * @throws PgHerdError `PGHERD_POOL_FULL` where nobody more may wait, `PGHERD_POOL_SELF_DEADLOCK` where the caller holds
   * all there may be.
   */
  assertRoom(held = 0): void {
    const { max, maxWaiting } = this.#settings;
    if (held >= max) throw selfDeadlock(held, max);
    if (this.#waiters.total < maxWaiting + max - this.#entries.size) return;
    throw fullError(maxWaiting, max);
  }

  /** Finds something for those who wait: what is idle first, then as many new ones as are wanted and allowed. */
  #fill(): void {
    const { max, min } = this.#settings;
    const size = this.#entries.size;
    if (this.#closing || (this.#waiters.length === 0 && size >= min)) return;
    this.#spendIdle();
    const unserved = this.#waiters.length - this.#checked.size;
    const wanted = Math.max(unserved, min - size);
    this.#openings.atLeast(Math.min(max - size, wanted), unserved > 0);
    // Nobody waits on a dead host: without anything to come, the last failure is the answer.
    if (size > 0 || this.#openings.count > 0) return;
    const { lastError } = this.#openings;
    this.#waiters.rejectAll(() => lastError);
  }

  #spendIdle(): void {
    while (this.#waiters.length > this.#checked.size) {
      const entry = this.#idle.pop();
      if (entry === undefined) return;
      if (this.#needsValidation(entry)) this.#validate(entry);
      else this.#serve(entry, this.#ports.clock.now());
    }
  }

  #admit(resource: R, wanted: boolean): void {
    this.#opened++;
    if (this.#closing || !wanted) {
      this.#closed++;
      this.#factory.close(resource, 'no longer wanted');
      this.#fill();
      return;
    }
    const now = this.#ports.clock.now();
    const { maxLifetimeMs } = this.#settings;
    const lifetime = maxLifetimeMs * (1 - 0.1 * this.#ports.random.next());
    const expiresAt = maxLifetimeMs === 0 ? Number.POSITIVE_INFINITY : now + lifetime;
    const generation = this.#generation;
    const entry: Entry<R> = { resource, expiresAt, generation, state: 'leased', uses: 0, idleSince: now };
    this.#entries.set(resource, entry);
    // Another one is above `min` now.
    this.#reaper.noLaterThan(this.#idleEnd());
    this.#settle(entry, now);
    this.#fill();
  }

  #worn(entry: Entry<R>, now: number): string | undefined {
    if (this.#closing) return 'the pool is closing';
    if (entry.generation !== this.#generation) return 'evicted';
    if (now >= entry.expiresAt) return 'reached pool.maxLifetimeMs';
    const { maxUses } = this.#settings;
    return maxUses > 0 && entry.uses >= maxUses ? 'reached pool.maxUses' : undefined;
  }

  #discard(entry: Entry<R>, reason: string): void {
    this.#drop(entry);
    this.#factory.close(entry.resource, reason);
  }

  /** Closes what is with no caller. */
  #discardFree(reason: string): void {
    for (const entry of [...this.#idle.all(), ...this.#checked]) this.#discard(entry, reason);
  }

  /** Takes an entry out of wherever it is. */
  #drop(entry: Entry<R>): void {
    if (!this.#entries.delete(entry.resource)) return;
    if (entry.state === 'idle') this.#idle.remove(entry);
    else this.#checked.delete(entry);
    this.#closed++;
    this.#drains.end(this.#entries.values());
  }

  /** When the bottom of the stack, which has been idle for longest, has been so for too long. */
  #idleEnd(): number {
    const { idleTimeoutMs, min } = this.#settings;
    const { oldest } = this.#idle;
    if (oldest === undefined || idleTimeoutMs === 0 || this.#entries.size <= min)
      return Number.POSITIVE_INFINITY;
    return oldest.idleSince + idleTimeoutMs;
  }

  #reap(): void {
    const now = this.#ports.clock.now();
    for (const entry of this.#idle.all()) {
      if (now >= entry.expiresAt) this.#discard(entry, 'reached pool.maxLifetimeMs');
      else if (entry === this.#idle.oldest && now >= this.#idleEnd()) {
        this.#discard(entry, 'idle for pool.idleTimeoutMs');
      }
    }
    this.#fill();
    if (!this.#closing) this.#reaper.noLaterThan(Math.min(this.#idleEnd(), this.#idle.earliestExpiry));
  }
}
