import type { Clock, Random } from '../time/port.ts';
import type { PoolStats } from './settings.ts';

/**
 * Rejects callers that wait for a resource that will not come: they look elsewhere. Never leaves the library.
 */
export class Redirected extends Error {}

/**
 * The errors of a pool, made by its owner, which knows what the resources are and how their limits are
 * called.
 */
export interface PoolErrors {
  /** The pool is closed. */
  closed(): unknown;
  /** An opening was abandoned, for this reason. */
  evicted(reason: string): unknown;
  /** The signal of a caller has aborted. */
  aborted(signal: AbortSignal): unknown;
  /** The deadline of a caller has passed. */
  late(stats: PoolStats, waitedMs: number): unknown;
  /** As many callers wait as may. */
  full(maxWaiting: number, max: number): unknown;
  /** The caller holds all resources that there may be. */
  selfDeadlock(held: number, max: number): unknown;
}

/** The ports of a pool. */
export interface PoolPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly errors: PoolErrors;
}
