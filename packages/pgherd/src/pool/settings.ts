/** Limits of one pool. */
export interface PoolSettings {
  /** Most resources open at once, those being opened included. */
  readonly max: number;
  /** Resources kept open although nobody uses them, from the first use on. */
  readonly min: number;
  /** Most callers that may wait; the next one fails at once. */
  readonly maxWaiting: number;
  /** Most resources being opened at the same time. */
  readonly maxConnecting: number;
  /** An idle resource above `min` is closed after this, milliseconds; 0 for never. */
  readonly idleTimeoutMs: number;
  /** A resource is closed when it is this old, less up to a tenth so that not all go at once; 0 for never. */
  readonly maxLifetimeMs: number;
  /** A resource is closed after this many uses; 0 for no limit. */
  readonly maxUses: number;
  /** An idle resource is validated before use after this long, milliseconds; 0 for always, `Infinity` for never. */
  readonly validateAfterMs: number;
}

/** What the pool needs to know of its resources, and nothing else. */
export interface PoolFactory<R> {
  /** Opens one; rejects where it cannot be had. */
  open(signal: AbortSignal): Promise<R>;
  /** Closes one that nobody uses. Must not throw. */
  close(resource: R, reason: string): void;
  /** Destroys one that is in use, at once. Must not throw. */
  destroy(resource: R, reason: string): void;
  /** Whether it may be used; `idleMs` is how long nobody has. */
  validate(resource: R, idleMs: number): Promise<boolean>;
  /** Whether one that came back may be used again; without it every one may. Never called for one that is discarded. */
  readonly returned?: ((resource: R) => Promise<boolean>) | undefined;
}

/** A snapshot of one pool. */
export interface PoolStats {
  /** Open resources: idle, leased, or being checked. */
  readonly size: number;
  readonly idle: number;
  readonly leased: number;
  /** Neither idle nor leased: being validated, or in a hook. */
  readonly checking: number;
  readonly opening: number;
  readonly waiting: number;
  readonly max: number;
  /** Resources opened since the start. */
  readonly opened: number;
  /** Resources closed since the start. */
  readonly closed: number;
  /** Openings that failed since the start. */
  readonly failed: number;
  /** Times a resource was handed out since the start. */
  readonly acquired: number;
  /** How many of those had to wait. */
  readonly waited: number;
  /** How long those have waited, all in all, milliseconds. */
  readonly waitedMs: number;
  /** How long the one in front has been waiting, milliseconds; 0 where nobody waits. */
  readonly oldestWaitMs: number;
}
