import type { Clock } from '../time/port.ts';
import { type AcquireRequest, CallerLine } from './callers.ts';
import { Entries } from './entries.ts';
import { type PoolErrors, type PoolPorts, Redirected } from './failures.ts';
import type { Entry } from './idle.ts';
import { type Line, Lines } from './lines.ts';
import { Openings } from './openings.ts';
import type { ScarcitySign } from './scarcity.ts';
import type { PoolFactory, PoolSettings, PoolStats } from './settings.ts';

/**
 * Hands out resources, the last one returned first, to callers in the order they came.
 *
 * An entry is `idle` (in the stack), `leased` (with a caller) or `checked` (being asked whether it may be
 * used). It exists from the time it is open until it is closed, and is in exactly one of these states. A
 * resource that is being opened or checked belongs to no caller: the one that has waited longest gets it, and
 * if none waits any more it becomes idle. A caller is in the queue until exactly one of resource, error,
 * deadline or abort reaches it. At rest nothing is idle while more callers wait than resources are being
 * checked.
 */
export class Pool<R extends object> {
  readonly #settings: PoolSettings;
  readonly #factory: PoolFactory<R>;
  readonly #clock: Clock;
  readonly #errors: PoolErrors;
  readonly #entries: Entries<R>;
  /** All that wait: the callers below, and other lines that were added. */
  readonly #waiting = new Lines<R>();
  readonly #callers: CallerLine<R>;
  readonly #openings: Openings<R>;
  #failed = 0;
  #acquired = 0;
  #closing = false;

  constructor(settings: PoolSettings, factory: PoolFactory<R>, { clock, random, errors }: PoolPorts) {
    this.#settings = settings;
    this.#factory = factory;
    this.#clock = clock;
    this.#errors = errors;
    this.#entries = new Entries(settings, factory, { clock, random, reaped: () => this.#fill() });
    this.#callers = new CallerLine<R>({
      clock,
      served: (waitedMs) => this.#waiting.noteServed(waitedMs),
      lateError: (waitedMs) => errors.late(this.stats(), waitedMs),
      abortedError: (signal) => errors.aborted(signal),
    });
    this.#waiting.add(this.#callers);
    this.#openings = new Openings<R>({
      clock,
      maxConnecting: settings.maxConnecting,
      scarcity: this.#entries.scarcity,
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
    const { size, opened, closed } = this.#entries;
    const idle = this.#entries.idle.length;
    const checking = this.#entries.checked.size;
    const { oldestSince, served, servedMs } = this.#waiting;
    return Object.freeze({
      size,
      idle,
      leased: size - idle - checking,
      checking,
      opening: this.#openings.count,
      waiting: this.#waiting.size,
      max: this.#settings.max,
      opened,
      closed,
      failed: this.#failed,
      acquired: this.#acquired,
      waited: served,
      waitedMs: servedMs,
      oldestWaitMs: oldestSince === undefined ? 0 : this.#clock.now() - oldestSince,
    });
  }

  /** Idle resources now. */
  get idleCount(): number {
    return this.#entries.idle.length;
  }

  /** Whether no resource is open. */
  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Callers and others that wait now. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Most resources that there may be. */
  get max(): number {
    return this.#settings.max;
  }

  /** Adds a line of those that use resources in another way than callers do; {@link review} when it wants more. */
  addLine(line: Line<R>): void {
    this.#waiting.add(line);
  }

  /** One in a line that was added waited and was served. */
  noteServed(waitedMs: number): void {
    this.#waiting.noteServed(waitedMs);
  }

  /** Resources that others than this line want and that cannot be opened. */
  starvingBeside(line: Line<R>): number {
    const { max } = this.#settings;
    return Math.max(0, this.#waiting.wantedByOthers(line, max) - (max - this.#entries.size));
  }

  /** Finds resources for a line that wants more than before. */
  review(): void {
    const { size, idle } = this.#entries;
    // Nearly always, while many wait.
    if (idle.length === 0 && size + this.#openings.count >= this.#settings.max) return;
    this.#fill();
  }

  /**
   * An idle resource that needs no validation, at once, or `undefined`. Never overtakes a caller that waits. `now` is the time of the
   * pool's clock, if the caller has just read it. `untested`: also one that would be validated first since it was idle for long, for work
   * that is lost without harm.
   */
  tryAcquire(prefer?: (resource: R) => boolean, now?: number, untested = false): R | undefined {
    if (this.#closing || this.#waiting.wanted > 0) return undefined;
    const { idle } = this.#entries;
    const index = idle.find(prefer);
    const entry = idle.at(index);
    if (entry === undefined || this.#entries.needsValidation(entry, now, untested)) return undefined;
    idle.removeAt(index);
    return this.#lease(entry);
  }

  /**
   * A resource, as soon as there is one.
   * @throws an error of {@link PoolErrors} at the deadline, on abort, once the pool is closed, if too many
   * callers wait already, or if the caller holds all resources that there may be; else what `open` rejected
   * with.
   */
  async acquire(request: AcquireRequest<R>): Promise<R> {
    if (this.#closing) throw this.#errors.closed();
    if (request.signal?.aborted) throw this.#errors.aborted(request.signal);
    const { idle } = this.#entries;
    const index = this.#waiting.wanted > 0 ? -1 : idle.find(request.prefer);
    const entry = idle.at(index);
    if (entry === undefined) {
      this.assertRoom(request.held);
      const waiting = this.#callers.wait(request);
      this.#fill();
      return waiting;
    }
    idle.removeAt(index);
    if (!this.#entries.needsValidation(entry)) return this.#lease(entry);
    const waiting = this.#callers.wait(request);
    this.#validate(entry);
    this.#fill();
    return waiting;
  }

  /** Takes a resource back. `discard` says why it cannot be used again; `now` as of {@link tryAcquire}. */
  release(resource: R, discard?: string, now?: number): void {
    const entry = this.#entries.get(resource);
    if (entry === undefined) return;
    if (entry.state !== 'leased') throw new Error('released twice');
    const at = now ?? this.#clock.now();
    const reason = discard ?? this.#entries.worn(entry, at);
    if (reason !== undefined) this.#entries.discard(entry, reason);
    else if (this.#factory.returned !== undefined) void this.#check(entry, this.#factory.returned(resource));
    else this.#settle(entry, at);
    this.#fill();
  }

  /** Forgets a resource that closed itself. */
  forget(resource: R): void {
    const entry = this.#entries.get(resource);
    if (entry === undefined) return;
    this.#entries.drop(entry);
    this.#fill();
  }

  /** Whether the resource is with a caller. */
  isLeased(resource: R): boolean {
    return this.#entries.get(resource)?.state === 'leased';
  }

  /** Why a leased resource would be closed if it came back now; `undefined` if it would be kept. */
  outworn(resource: R): string | undefined {
    const entry = this.#entries.get(resource);
    return entry === undefined ? 'closed' : this.#entries.worn(entry, this.#clock.now());
  }

  /** Resources are scarce; returns the limit for now if this is the first sign of a row. */
  noteScarce(sign: ScarcitySign): number | undefined {
    const { scarcity, size } = this.#entries;
    return scarcity.note(sign, size) ? scarcity.limit : undefined;
  }

  /** Closes what is idle now and, when it comes back, what is leased now; abandons what is being opened. */
  evict(reason: string): void {
    this.#openings.abandon(() => this.#errors.evicted(reason));
    this.#entries.evict(reason);
    this.#fill();
  }

  /** Resources that are with a caller, or that were lent to another line; a copy. */
  inUse(): R[] {
    return this.#entries.all().flatMap(({ state, resource }) => (state === 'leased' ? [resource] : []));
  }

  /**
   * Closes what is idle, whatever its age, and gives up the openings that began before `since`: something that was opened later is here
   * before them. What is still wanted is opened again.
   */
  renew(reason: string, since: number): void {
    this.#openings.abandon(() => this.#errors.evicted(reason), since);
    this.#entries.discardIdle(() => true, reason);
    this.#fill();
  }

  /** As {@link evict}; resolves when the last resource that is open now is closed. */
  async drain(reason: string): Promise<void> {
    this.evict(reason);
    await this.#entries.drained();
  }

  /** Rejects all callers that wait, so that they look elsewhere. */
  redirectWaiters(reason: string): void {
    this.#waiting.rejectAll(() => new Redirected(reason));
  }

  /** Destroys every resource for which `which` returns `true`, leased or not. */
  destroyWhere(which: (resource: R) => boolean, reason: string): void {
    for (const entry of this.#entries.all()) {
      if (!which(entry.resource)) continue;
      this.#entries.drop(entry);
      this.#factory.destroy(entry.resource, reason);
    }
    this.#fill();
  }

  /** Opens resources until there are `count` (at most `max`); resolves when done or when one fails. */
  async warmUp(count: number): Promise<void> {
    const goal = Math.min(count, this.#settings.max);
    while (!this.#closing && this.#entries.size < goal) {
      this.#openings.atLeast(goal - this.#entries.size, true, this.#entries.size);
      if ((await this.#openings.next()) !== true) return;
    }
  }

  /** To be called if opening is likely to succeed now. */
  revive(): void {
    if (this.#openings.failuresInARow === 0) return;
    this.#openings.forgive();
    this.#fill();
  }

  /** Refuses new callers and resolves when the last leased resource came back. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#waiting.rejectAll(() => this.#errors.closed());
    this.#openings.end(() => this.#errors.closed());
    await this.#entries.close();
  }

  /** Destroys everything at once. */
  terminate(): void {
    void this.close();
    this.destroyWhere(() => true, 'the pool was terminated');
  }

  /**
   * Callers for which a resource can be opened do not count: they wait for no other caller.
   * @throws an error of {@link PoolErrors} if no more may wait, or if the caller holds all resources that
   * there may be.
   */
  assertRoom(held = 0): void {
    const { max, maxWaiting } = this.#settings;
    if (held >= max) throw this.#errors.selfDeadlock(held, max);
    if (this.#waiting.size < maxWaiting + max - this.#entries.size) return;
    throw this.#errors.full(maxWaiting, max);
  }

  #lease(entry: Entry<R>): R {
    entry.state = 'leased';
    entry.uses++;
    this.#acquired++;
    return entry.resource;
  }

  /** The first motor: gives a free entry to the line whose first has waited longest, else puts it into the stack. */
  #settle(entry: Entry<R>, now: number): void {
    const line = this.#waiting.next;
    if (line === undefined) this.#entries.rest(entry, now);
    else line.serve(this.#lease(entry), now);
  }

  /** Asks an entry that was taken from the stack. */
  #validate(entry: Entry<R>): void {
    const idleMs = this.#clock.now() - entry.idleSince;
    const work = this.#factory.validate(entry.resource, idleMs);
    void this.#check(
      entry,
      work.catch(() => this.#invalid()),
    );
  }

  /**
   * A resource failed its validation. What would have to be validated next is closed: no caller waits for one validation after the other,
   * which together take as long as there are resources that were lost in one go.
   */
  #invalid(): string {
    const now = this.#clock.now();
    this.#entries.discardIdle((entry) => this.#entries.needsValidation(entry, now), FAILED_BEFORE);
    return FAILED;
  }

  /** An entry about which `work` decides; then it serves the caller that has waited longest, perhaps another one by now. */
  async #check(entry: Entry<R>, work: Promise<string | undefined>): Promise<void> {
    entry.state = 'checked';
    this.#entries.checked.add(entry);
    const refusal = await work.catch(() => FAILED);
    // It was closed meanwhile, in whatever way.
    if (!this.#entries.checked.delete(entry)) return;
    const now = this.#clock.now();
    const reason = refusal ?? this.#entries.worn(entry, now);
    if (reason === undefined) this.#settle(entry, now);
    else this.#entries.discard(entry, reason);
    this.#fill();
  }

  /** The second motor: finds resources for those that wait, first idle ones, then as many new ones as are wanted and allowed. */
  #fill(): void {
    const { min } = this.#settings;
    const { size, scarcity } = this.#entries;
    if (this.#closing || (size >= min && this.#waiting.wanted === 0)) return;
    this.#spendIdle();
    const unserved = this.#waiting.wantsOpened - this.#entries.checked.size;
    const wanted = Math.max(unserved, min - size);
    this.#openings.atLeast(Math.min(scarcity.limit - size, wanted), unserved > 0, size);
    // No caller waits for a dead host: if nothing is to come, the last failure is the answer.
    if (unserved <= 0 || size > 0 || this.#openings.count > 0) return;
    const { lastError } = this.#openings;
    this.#waiting.rejectAll(() => lastError);
  }

  #spendIdle(): void {
    const { idle, checked } = this.#entries;
    while (this.#waiting.wanted > checked.size) {
      const entry = idle.pop();
      if (entry === undefined) return;
      if (this.#entries.needsValidation(entry)) this.#validate(entry);
      else this.#settle(entry, this.#clock.now());
    }
  }

  #admit(resource: R, wanted: boolean): void {
    if (this.#closing || !wanted) this.#entries.refuse(resource);
    else {
      const now = this.#clock.now();
      this.#settle(this.#entries.add(resource, now), now);
    }
    this.#fill();
  }
}

const FAILED = 'failed its validation';
const FAILED_BEFORE = 'another one failed its validation';
