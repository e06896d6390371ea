/** A time of the cluster's clock, in milliseconds; `Infinity` for no limit. */
export type Deadline = number;

/** The time `timeoutMs` after `now`; no timeout means no limit. */
export function deadlineAfter(now: number, timeoutMs: number | undefined): Deadline {
  return timeoutMs === undefined ? Number.POSITIVE_INFINITY : now + timeoutMs;
}

/** Milliseconds left, never negative. */
export function remainingMs(deadline: Deadline, now: number): number {
  return Math.max(0, deadline - now);
}

/** Whether the deadline has passed. */
export function isPast(deadline: Deadline, now: number): boolean {
  return now >= deadline;
}

/** The earliest of several. */
export function earliest(...deadlines: readonly Deadline[]): Deadline {
  return Math.min(...deadlines);
}
