import type { LaneLimits } from '../options/lane-limits.ts';
import { hasRoom, type LaneState, roomForLong } from './admission.ts';
import { LONG_MS } from './service-time.ts';

/** How long the first answer of a lane may take before those who wait have another connection opened, milliseconds. */
export const TRIAL_MS = 10;
/** Where no connection is to be had, a queue on a lane may be so many times longer: the alternative is to wait as well. */
const WAITING_FACTOR = 5;

/** A lane as decisions see it. */
export interface LaneView extends LaneState {
  /** Whether statements share it; else it has room for one. */
  readonly shares: boolean;
  /** Whether a statement can be sent by it now. */
  readonly isOpen: boolean;
  /** Since when it exists without having answered; `undefined` once it has. */
  readonly untriedSince: number | undefined;
}

/** What a decision needs to know of a statement that waits. */
export interface StatementView {
  readonly writes: boolean;
  readonly since: number;
}

/** The limits of a lane by what it is asked for. */
export interface PlanLimits {
  readonly usual: LaneLimits;
  /** For a statement that is tried behind others to learn how long it takes. */
  readonly onTrial: LaneLimits;
  /** For statements that wait already. */
  readonly waiting: LaneLimits;
}

/** The limits for each purpose, from those of the options. */
export function planLimits(usual: LaneLimits): PlanLimits {
  return Object.freeze({
    usual,
    onTrial: Object.freeze({ ...usual, maxQueueMs: LONG_MS }),
    waiting: Object.freeze({ ...usual, maxQueueMs: WAITING_FACTOR * usual.maxQueueMs }),
  });
}

/**
 * How many lanes, the oldest ones, take statements. Callers who wait for a connection of their own, of which none can be opened for
 * them, go before statements: as many lanes run empty as there are such callers. `standIns` of them wait for statements themselves.
 */
export function usableLanes(lanes: number, starving: number, standIns: number): number {
  return lanes - Math.max(0, starving - standIns);
}

/** Whether a statement that has just come joins a lane: `on-trial` if only to learn how long it takes. */
export function admission(
  lane: LaneView,
  writes: boolean,
  now: number,
  limits: PlanLimits,
): 'joins' | 'on-trial' | 'waits' {
  if (!lane.isOpen) return 'waits';
  if (hasRoom(lane, writes, now, limits.usual)) return 'joins';
  return hasRoom(lane, writes, now, limits.onTrial) ? 'on-trial' : 'waits';
}

/** Whether a statement that waits joins a lane. */
export function joinsFromQueue(lane: LaneView, writes: boolean, now: number, limits: PlanLimits): boolean {
  return lane.isOpen && hasRoom(lane, writes, now, limits.waiting);
}

/** Whether a long statement joins a lane: not before another one that has waited longer, the first of which waits since `firstSince`. */
export function longJoins(
  lane: LaneView,
  long: StatementView,
  firstSince: number | undefined,
  now: number,
  limits: PlanLimits,
): boolean {
  const isOvertaking = firstSince !== undefined && firstSince < long.since;
  return !isOvertaking && joinsFromQueue(lane, long.writes, now, limits);
}

/**
 * Whether a lane has just begun and not answered yet: it may have room for those who wait before another connection is open, and a
 * server that was promoted this instant answers sooner while it has no sessions to make besides.
 */
export function triesLane(lanes: readonly LaneView[], now: number): boolean {
  return lanes.some(
    ({ untriedSince, headMs, shares }) =>
      untriedSince !== undefined && untriedSince > now - TRIAL_MS && headMs < LONG_MS && shares,
  );
}

/**
 * How many more lanes long statements may take, of `max` connections; any number if nothing short has come since `shortAt` or runs.
 */
export function longRoom(lanes: readonly LaneState[], shortAt: number, now: number, max: number): number {
  if (now - shortAt >= LONG_MS && !lanes.some(isBusyWithShort)) return Number.POSITIVE_INFINITY;
  return roomForLong(lanes, max);
}

/** Our own event loop may have been late to see the next one come. */
function isBusyWithShort({ depth, queueMs }: LaneState): boolean {
  return depth > 0 && queueMs < LONG_MS;
}

/** How many long statements may wait for a connection among the others, of as many as `room` allows. */
export function connectionsForLong(room: number, max: number, lanes: number, waiting: number): number {
  return Math.max(0, Math.min(room, max - lanes - waiting));
}
