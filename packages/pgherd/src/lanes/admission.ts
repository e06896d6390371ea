import type { LaneLimits } from '../options/lane-limits.ts';
import { LONG_MS } from './service-time.ts';

/** Connections that long statements leave free while short statements come. */
const KEPT_FOR_SHORT = 1;

/** The current state of a lane. */
export interface LaneState {
  /** Statements in flight. */
  readonly depth: number;
  readonly writes: number;
  /** Time that the statements in flight are expected to take together, milliseconds. */
  readonly queueMs: number;
  /** What surprises of the statements in flight cost on average, together, milliseconds. */
  readonly riskMs: number;
  /** How many of them let no other join behind: writes of which nothing is known, and what waited for a lock. */
  readonly barring: number;
  /** When the first of them became the one that the server executes. */
  readonly headSince: number;
  /** Usual duration of the first of them, milliseconds. */
  readonly headMs: number;
  /** Delay that is not the server's: the round trip and a turn of our event loop, milliseconds. */
  readonly slackMs: number;
  /** Accepts no more statements: the session is released once the lane is empty. */
  readonly leaving: boolean;
}

/** The limits of a lane for one purpose. */
export interface RoomLimits extends LaneLimits {
  /** Most that surprises of those in flight may cost a statement that joins them, on average, milliseconds. */
  readonly maxRiskMs: number;
}

/** What a statement that may join is. */
export interface Joining {
  readonly writes: boolean;
  /** It was seen waiting for a lock: it joins no other before then. */
  readonly aloneUntil: number;
}

/** How much longer than usual the first statement may take before no other joins behind it. */
const HEAD_FACTOR = 4;

/** Whether a statement may join a lane now. Pure. */
export function hasRoom(
  lane: LaneState,
  { writes, aloneUntil }: Joining,
  now: number,
  limits: RoomLimits,
): boolean {
  if (lane.leaving) return false;
  if (lane.depth === 0) return true;
  if (now < aloneUntil || lane.barring > 0 || lane.riskMs > limits.maxRiskMs) return false;
  if (lane.depth >= limits.maxDepth) return false;
  if (writes && lane.writes >= limits.maxWrites) return false;
  if (lane.queueMs > limits.maxQueueMs) return false;
  return now - lane.headSince <= Math.max(limits.maxQueueMs, HEAD_FACTOR * lane.headMs) + lane.slackMs;
}

/** How many more lanes long statements may take while short ones come, of `max` connections. Pure. */
export function roomForLong(lanes: Iterable<Pick<LaneState, 'queueMs'>>, max: number): number {
  let taken = 0;
  for (const { queueMs } of lanes) if (queueMs >= LONG_MS) taken++;
  return Math.max(1, max - KEPT_FOR_SHORT) - taken;
}
