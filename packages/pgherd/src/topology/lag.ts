import type { Lag, NodeDescription, Position } from '../model/topology.ts';

/** How far behind a standby may be; `undefined` for no limit. */
export interface LagLimits {
  readonly maxMs: number | undefined;
  readonly maxBytes: number | undefined;
}

/** Positions that are remembered; at one probe a second and with writes all the time, as many seconds. */
const MAX_POSITIONS = 64;
/** A standby that was beyond a limit is within it again below this share, so that it does not flap. */
const RETURN_SHARE = 0.75;

/**
 * The positions with the primary's newest one. An unchanged position is dated anew instead of kept twice: that is what
 * tells an idle primary from a standby that is behind.
 */
export function withPosition(positions: readonly Position[], newest: Position): readonly Position[] {
  const last = positions.at(-1);
  if (last !== undefined && newest.at <= last.at) return positions;
  const kept = last !== undefined && last.lsn === newest.lsn ? positions.slice(0, -1) : positions;
  return Object.freeze([...kept.slice(-(MAX_POSITIONS - 1)), Object.freeze(newest)]);
}

/**
 * How far `standby` is behind. Bytes against the primary's newest position, also a lost primary's until that expires:
 * unlike "received minus replayed" this grows when the WAL receiver is dead. Milliseconds by two measures of which the
 * smaller holds: the age of the last replayed transaction, which by itself grows on an idle primary; and the time since
 * the primary was last seen at a position that the standby has replayed, which needs no server's clock.
 */
export function lagOf(standby: NodeDescription, positions: readonly Position[], expireAfterMs: number): Lag {
  const newest = positions.at(-1);
  const { lsn, lsnAt } = standby;
  if (standby.role !== 'standby' || lsn === undefined || lsnAt === undefined || newest === undefined) {
    return UNKNOWN_LAG;
  }
  if (lsnAt - newest.at > expireAfterMs) return UNKNOWN_LAG;
  const behind = newest.lsn - lsn;
  if (behind <= 0n) return NO_LAG;
  const replayed = positions.findLast((position) => position.lsn <= lsn);
  const seenMs = replayed === undefined ? undefined : Math.max(0, Math.max(lsnAt, newest.at) - replayed.at);
  const ms = smaller(standby.replayAgeMs, seenMs);
  return Object.freeze({ bytes: Number(behind), ms });
}

/** Whether the standby is beyond the limits, given whether it was so before. Unknown lag changes nothing. */
export function isLagging(lag: Lag, limits: LagLimits, wasLagging: boolean): boolean {
  const share = wasLagging ? RETURN_SHARE : 1;
  const verdicts = [exceeds(lag.ms, limits.maxMs, share), exceeds(lag.bytes, limits.maxBytes, share)];
  if (verdicts.includes(true)) return true;
  return verdicts.includes(undefined) ? wasLagging : false;
}

/** `undefined` where there is a limit and nobody knows the value. */
function exceeds(value: number | undefined, limit: number | undefined, share: number): boolean | undefined {
  if (limit === undefined) return false;
  return value === undefined ? undefined : value > limit * share;
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

const UNKNOWN_LAG: Lag = Object.freeze({ bytes: undefined, ms: undefined });
const NO_LAG: Lag = Object.freeze({ bytes: 0, ms: 0 });
