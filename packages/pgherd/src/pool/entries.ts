import type { Clock, Random } from '../time/port.ts';
import { Alarm } from './alarm.ts';
import { Drains } from './drains.ts';
import { type Entry, IdleStack } from './idle.ts';
import { Scarcity } from './scarcity.ts';
import type { PoolFactory, PoolSettings } from './settings.ts';

/**
 * Up to this share of `maxLifetimeMs` is taken off at random, so that resources opened together do not end
 * together.
 */
const LIFETIME_JITTER = 0.1;

/** The ports of {@link Entries}. */
export interface EntriesPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Idle resources were closed because of their age. */
  reaped(): void;
}

/** The open resources of a pool: which state each is in, how long it may live, and its end. */
export class Entries<R extends object> {
  readonly #settings: PoolSettings;
  readonly #factory: PoolFactory<R>;
  readonly #ports: EntriesPorts;
  readonly #all = new Map<R, Entry<R>>();
  readonly #drains = new Drains();
  /** Rings when something idle may be too old. */
  readonly #reaper: Alarm;
  #generation = 0;
  #opened = 0;
  #closed = 0;
  #closing = false;
  readonly scarcity: Scarcity;
  readonly idle = new IdleStack<R>();
  readonly checked = new Set<Entry<R>>();

  constructor(settings: PoolSettings, factory: PoolFactory<R>, ports: EntriesPorts) {
    this.#settings = settings;
    this.#factory = factory;
    this.#ports = ports;
    this.#reaper = new Alarm(ports.clock, () => this.#reap());
    const { clock, random } = ports;
    this.scarcity = new Scarcity({ clock, random, max: settings.max, review: (ms) => this.#spare(ms) });
  }

  get size(): number {
    return this.#all.size;
  }

  /** Resources opened since the start. */
  get opened(): number {
    return this.#opened;
  }

  /** Resources closed since the start. */
  get closed(): number {
    return this.#closed;
  }

  get(resource: R): Entry<R> | undefined {
    return this.#all.get(resource);
  }

  /** All resources that are open; a copy. */
  all(): Entry<R>[] {
    return [...this.#all.values()];
  }

  /** Adds a resource that was just opened. */
  add(resource: R, now: number): Entry<R> {
    this.#opened++;
    const { maxLifetimeMs } = this.#settings;
    const lifetime = maxLifetimeMs * (1 - LIFETIME_JITTER * this.#ports.random.next());
    const expiresAt = maxLifetimeMs === 0 ? Number.POSITIVE_INFINITY : now + lifetime;
    const generation = this.#generation;
    const entry: Entry<R> = { resource, expiresAt, generation, state: 'leased', uses: 0, idleSince: now };
    this.#all.set(resource, entry);
    // With this one, another may be above `min`.
    this.#reaper.noLaterThan(this.#idleEnd());
    return entry;
  }

  /** Closes a resource that was just opened, and is not needed any more. */
  refuse(resource: R): void {
    this.#opened++;
    this.#closed++;
    this.#factory.close(resource, 'no longer wanted');
  }

  /** Puts a free entry into the stack. */
  rest(entry: Entry<R>, now: number): void {
    entry.idleSince = now;
    entry.state = 'idle';
    this.idle.push(entry);
    this.#reaper.noLaterThan(entry.expiresAt);
    // Above another one it is not the first to be idle for too long.
    if (this.idle.length === 1) this.#reaper.noLaterThan(this.#idleEnd());
  }

  /** Whether an idle entry has to be validated before its next use. */
  needsValidation(entry: Entry<R>, now?: number, idleIsNoReason = false): boolean {
    const { validateAfterMs } = this.#settings;
    if (validateAfterMs === Number.POSITIVE_INFINITY) return false;
    if (idleIsNoReason) return validateAfterMs === 0;
    return (now ?? this.#ports.clock.now()) - entry.idleSince >= validateAfterMs;
  }

  /** Why an entry cannot be used again; `undefined` if it can. */
  worn(entry: Entry<R>, now: number): string | undefined {
    if (this.#closing) return CLOSING;
    if (entry.generation !== this.#generation) return 'evicted';
    if (now >= entry.expiresAt) return EXPIRED;
    const { maxUses } = this.#settings;
    if (maxUses > 0 && entry.uses >= maxUses) return 'reached pool.maxUses';
    return this.scarcity.isActive && this.scarcity.isDue(this.size, now) ? SCARCE : undefined;
  }

  /** While resources are scarce, closes what has been idle for so long, but for one; by now others may be opened. */
  #spare(idleMs: number): void {
    const now = this.#ports.clock.now();
    if (this.scarcity.isActive)
      this.discardIdle(({ idleSince }) => now - idleSince >= idleMs && this.size > 1, SCARCE);
    this.#ports.reaped();
  }

  /** Closes what is free now; what is leased is {@link worn} from now on. */
  evict(reason: string): void {
    this.#generation++;
    this.#discardFree(reason);
  }

  /** Closes what is idle, if `which` returns `true`. */
  discardIdle(which: (entry: Entry<R>) => boolean, reason: string): void {
    for (const entry of this.idle.all()) if (which(entry)) this.discard(entry, reason);
  }

  /** As {@link evict}, with nothing to be added afterwards; resolves when the last entry is gone. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#reaper.end();
    this.scarcity.end();
    this.#discardFree(CLOSING);
    await this.#drains.wait(Number.POSITIVE_INFINITY, this.#all.values());
  }

  /** Resolves when the last entry that was evicted is gone. */
  drained(): Promise<void> {
    return this.#drains.wait(this.#generation, this.#all.values());
  }

  discard(entry: Entry<R>, reason: string): void {
    this.drop(entry);
    if (reason === SCARCE) this.scarcity.noteGivenBack(this.#ports.clock.now());
    this.#factory.close(entry.resource, reason);
  }

  /** Forgets an entry, whichever state it is in. */
  drop(entry: Entry<R>): void {
    if (!this.#all.delete(entry.resource)) return;
    if (entry.state === 'idle') this.idle.remove(entry);
    else this.checked.delete(entry);
    this.#closed++;
    this.#drains.end(this.#all.values());
  }

  #discardFree(reason: string): void {
    for (const entry of [...this.idle.all(), ...this.checked]) this.discard(entry, reason);
  }

  /** When the bottom of the stack will have been idle for too long. */
  #idleEnd(): number {
    const { idleTimeoutMs, min } = this.#settings;
    const { oldest } = this.idle;
    if (oldest === undefined || idleTimeoutMs === 0 || this.#all.size <= min) return Number.POSITIVE_INFINITY;
    return oldest.idleSince + idleTimeoutMs;
  }

  #reap(): void {
    const now = this.#ports.clock.now();
    for (const entry of this.idle.all()) {
      if (now >= entry.expiresAt) this.discard(entry, EXPIRED);
      else if (entry === this.idle.oldest && now >= this.#idleEnd()) {
        this.discard(entry, 'idle for pool.idleTimeoutMs');
      }
    }
    this.#ports.reaped();
    if (!this.#closing) this.#reaper.noLaterThan(Math.min(this.#idleEnd(), this.idle.earliestExpiry));
  }
}

const CLOSING = 'the pool is closing';
const SCARCE = 'the server is short of connections';
const EXPIRED = 'reached pool.maxLifetimeMs';
