import type { LaneLimits } from '../options/lane-limits.ts';
import { LONG_MS } from './service-time.ts';

/** Connections that long statements leave to the others as long as there are such. */
const KEPT_FOR_SHORT = 1;

/** A lane as it is now. */
export interface LaneState {
  /** Statements in flight. */
  readonly depth: number;
  readonly writes: number;
  /** What those in flight are expected to take together, milliseconds. */
  readonly queueMs: number;
  /** Since when the first of them is the one the server works at. */
  readonly headSince: number;
  /** What the first of them usually takes, milliseconds. */
  readonly headMs: number;
  /** Time that passes although the server is quick: the way there and back, and what we are busy with, milliseconds. */
  readonly slackMs: number;
  /** Takes nobody any more: it is to be given back once it is empty. */
  readonly leaving: boolean;
}

/** How much longer than usual the head may take before nobody queues behind it any more. */
const HEAD_FACTOR = 4;

/** Whether a statement may join a lane now. Pure. */
export function hasRoom(lane: LaneState, writes: boolean, now: number, limits: LaneLimits): boolean {
  if (lane.leaving) return false;
  if (lane.depth === 0) return true;
  if (lane.depth >= limits.maxDepth) return false;
  if (writes && lane.writes >= limits.maxWrites) return false;
  if (lane.queueMs > limits.maxQueueMs) return false;
  return now - lane.headSince <= Math.max(limits.maxQueueMs, HEAD_FACTOR * lane.headMs) + lane.slackMs;
}

/** How many more lanes long statements may take where others come as well, of `max` connections. Pure. */
export function roomForLong(lanes: Iterable<Pick<LaneState, 'queueMs'>>, max: number): number {
  let taken = 0;
  for (const { queueMs } of lanes) if (queueMs >= LONG_MS) taken++;
  return Math.max(1, max - KEPT_FOR_SHORT) - taken;
}
