import type { LaneLimits } from '../options/lane-limits.ts';
import { hasRoom, type Joining, type LaneState, type RoomLimits, roomForLong } from './admission.ts';
import { LONG_MS } from './service-time.ts';

/**
 * How long a new lane may take to answer before more connections are opened for waiting statements,
 * milliseconds.
 */
export const TRIAL_MS = 10;
/**
 * For waiting statements the queue on a lane may be this many times longer: the alternative is to wait, too.
 */
const WAITING_FACTOR = 5;

/**
 * What surprises may cost, as a share of `maxQueueMs`. With 2 ms, a statement stands behind others that take 200 ms longer than
 * expected at most one time in two hundred.
 */
const RISK_SHARE = 0.5;

/** The same for a statement that waits: there is no connection that it could have for itself. */
const RISK_SHARE_OF_WAITING = 2;
/** What surprises may cost it besides, as a share of the time that it has waited. */
const RISK_OF_WAITED = 0.05;

/** A lane as decisions see it. */
export interface LaneView extends LaneState {
  /** Whether statements share it; otherwise it has room for one. */
  readonly shares: boolean;
  /** Whether a statement can be sent on it now. */
  readonly isOpen: boolean;
  /** When it was made, as long as it has not answered; `undefined` once it has. */
  readonly untriedSince: number | undefined;
}

/** What a decision needs to know about a waiting statement. */
export interface StatementView extends Joining {
  readonly since: number;
}

/** The limits of a lane by purpose. */
export interface PlanLimits {
  readonly usual: RoomLimits;
  /** For a statement that is sent behind others to measure how long it takes. */
  readonly onTrial: RoomLimits;
  /** For statements that already wait. */
  readonly waiting: RoomLimits;
}

/** The limits for each purpose, from those of the options. */
export function planLimits(given: LaneLimits): PlanLimits {
  const usual = Object.freeze({ ...given, maxRiskMs: RISK_SHARE * given.maxQueueMs });
  return Object.freeze({
    usual,
    onTrial: Object.freeze({ ...usual, maxQueueMs: LONG_MS }),
    waiting: Object.freeze({
      ...usual,
      maxQueueMs: WAITING_FACTOR * usual.maxQueueMs,
      // See joinsFromQueue.
      maxRiskMs: Number.POSITIVE_INFINITY,
    }),
  });
}

/** Whether a new statement joins a lane; `on-trial`: only to measure how long it takes. */
export function admission(
  lane: LaneView,
  joining: Joining,
  now: number,
  limits: PlanLimits,
): 'joins' | 'on-trial' | 'waits' {
  if (!lane.isOpen) return 'waits';
  if (hasRoom(lane, joining, now, limits.usual)) return 'joins';
  return hasRoom(lane, joining, now, limits.onTrial) ? 'on-trial' : 'waits';
}

/**
 * Whether a waiting statement joins a lane. It has less to lose by what may happen to it there, the less the longer it has waited.
 */
export function joinsFromQueue(
  lane: LaneView,
  waiting: StatementView,
  now: number,
  limits: PlanLimits,
): boolean {
  const { usual } = limits;
  const maxRiskMs = RISK_SHARE_OF_WAITING * usual.maxQueueMs + RISK_OF_WAITED * (now - waiting.since);
  return lane.riskMs <= maxRiskMs && lane.isOpen && hasRoom(lane, waiting, now, limits.waiting);
}

/**
 * Whether a long statement joins a lane: not before a short one that has waited longer, since `firstSince`.
 */
export function longJoins(
  lane: LaneView,
  long: StatementView,
  firstSince: number | undefined,
  now: number,
  limits: PlanLimits,
): boolean {
  const isOvertaking = firstSince !== undefined && firstSince < long.since;
  return !isOvertaking && joinsFromQueue(lane, long, now, limits);
}

/**
 * Whether a new lane has not answered yet: it may have room for waiting statements before another connection
 * is open, and a server that was just promoted answers sooner if it does not have to start sessions
 * meanwhile.
 */
export function triesLane(lanes: readonly LaneView[], now: number): boolean {
  return lanes.some(
    ({ untriedSince, headMs, shares }) =>
      untriedSince !== undefined && untriedSince > now - TRIAL_MS && headMs < LONG_MS && shares,
  );
}

/**
 * How many more lanes long statements may take, of `max` connections; any number if no short statement runs
 * and the last one came long before, at `shortAt`.
 */
export function longRoom(lanes: readonly LaneState[], shortAt: number, now: number, max: number): number {
  if (now - shortAt >= LONG_MS && !lanes.some(isBusyWithShort)) return Number.POSITIVE_INFINITY;
  return roomForLong(lanes, max);
}

/** While one runs, our event loop may merely be late to see the next one. */
function isBusyWithShort({ depth, queueMs }: LaneState): boolean {
  return depth > 0 && queueMs < LONG_MS;
}

/** How many long statements may wait for a connection of their own, at most `room`. */
export function connectionsForLong(room: number, max: number, lanes: number, waiting: number): number {
  return Math.max(0, Math.min(room, max - lanes - waiting));
}
