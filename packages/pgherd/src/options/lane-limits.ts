/** Limits of each lane. */
export interface LaneLimits {
  /** Most statements in flight on one connection. */
  readonly maxDepth: number;
  /** Most writes among them: so many outcomes are unknown when the connection is lost. */
  readonly maxWrites: number;
  /**
   * Longest time that those in flight may be expected to take before another one joins them, milliseconds.
   */
  readonly maxQueueMs: number;
}
