/** Limits of one pool. */
export interface PoolSettings {
  /** Most resources open at once, those being opened included. */
  readonly max: number;
  /** Resources kept open although nobody uses them. */
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
  /** Whether it still works, asked by a round trip. */
  validate(resource: R): Promise<boolean>;
}

/** A snapshot of one pool. */
export interface PoolStats {
  /** Open resources, leased or idle. */
  readonly size: number;
  readonly idle: number;
  readonly leased: number;
  readonly opening: number;
  readonly waiting: number;
  readonly max: number;
  /** Resources opened since the start. */
  readonly opened: number;
  /** Resources closed since the start. */
  readonly closed: number;
}
