import { WATCH_MS } from './probe-plan.ts';

/** A node that was seen within this time is taken to be alive, milliseconds. */
const SEEN_LATELY_MS = 500;

/**
 * Whether a connection that was made ready for writes at `preparedAt`, to a node last seen at `seenAt`, may be used without
 * asking the server again: that would only delay the first write after a promotion, just when the server is busy.
 * All times are milliseconds of the cluster's clock.
 */
export function isStillReady(
  preparedAt: number | undefined,
  seenAt: number | undefined,
  now: number,
): boolean {
  if (preparedAt === undefined || seenAt === undefined) return false;
  return now - preparedAt < WATCH_MS && now - seenAt < SEEN_LATELY_MS;
}
