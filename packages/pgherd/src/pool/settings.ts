/** Limits of one pool. */
export interface PoolSettings {
  /** Most resources open at once, those being opened included. */
  readonly max: number;
  /** Resources kept open even if they are not used, from the first use on. */
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
  /**
   * An idle resource is validated before use after this long, milliseconds; 0 for always, `Infinity` for
   * never.
   */
  readonly validateAfterMs: number;
}

/** All that the pool needs to know of its resources. */
export interface PoolFactory<R> {
  /** Opens one; rejects if that fails. */
  open(signal: AbortSignal): Promise<R>;
  /** Closes one that is not in use. Must not throw. */
  close(resource: R, reason: string): void;
  /** Destroys one that is in use, at once. Must not throw. */
  destroy(resource: R, reason: string): void;
  /** Why it cannot be used; `undefined` if it can. `idleMs` is how long it has been idle. */
  validate(resource: R, idleMs: number): Promise<string | undefined>;
  /**
   * Why one that came back cannot be used again; `undefined` if it can. Without this function every one can.
   * Never called for one that is discarded.
   */
  readonly returned?: ((resource: R) => Promise<string | undefined>) | undefined;
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
  /** How long those have waited in total, milliseconds. */
  readonly waitedMs: number;
  /** How long the first caller in the queue has been waiting, milliseconds; 0 if none waits. */
  readonly oldestWaitMs: number;
}
