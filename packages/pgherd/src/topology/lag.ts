import type { Lag, NodeDescription, Position } from '../model/topology.ts';

/** How far behind a standby may be; `undefined` means no limit. */
export interface LagLimits {
  readonly maxMs: number | undefined;
  readonly maxBytes: number | undefined;
}

/** Whether there is any limit. */
export function hasLimit({ maxMs, maxBytes }: LagLimits): boolean {
  return maxMs !== undefined || maxBytes !== undefined;
}

/** Settings of the lag. */
export interface LagSettings {
  /** Age at which an unconfirmed position no longer counts, milliseconds. */
  readonly expireAfterMs: number;
  readonly lag: LagLimits;
  /** Shortest time between two probes of a node, milliseconds. */
  readonly probe: { readonly intervalMs: number };
}

/** Positions that are kept; with one probe a second and continuous writes, as many seconds. */
const MAX_POSITIONS = 64;
/**
 * Longest pause between two probes of a healthy node, in intervals: 2 while traffic proves it alive, times
 * 1.25 for the jitter.
 */
const LONGEST_INTERVAL_FACTOR = 2.5;
/**
 * A standby beyond a limit counts as within it again below this share of the limit, so that it does not flap.
 */
const RETURN_SHARE = 0.75;

/** Nodes with their lag, and the positions that the lag was measured against. */
export interface Measured {
  readonly nodes: readonly NodeDescription[];
  readonly positions: readonly Position[];
}

/** Measures every standby against `primary`, or against the last known positions of one. */
export function withLag(
  nodes: readonly NodeDescription[],
  known: readonly Position[],
  primary: NodeDescription | undefined,
  settings: LagSettings,
): Measured {
  const positions = withPosition(known, primary);
  const measured = nodes.map((node) => {
    const lag = lagOf(node, positions, settings);
    const lagging = node.role === 'standby' && isLagging(lag, settings.lag, node.lagging);
    const same = node.lag.bytes === lag.bytes && node.lag.ms === lag.ms && node.lagging === lagging;
    return same ? node : Object.freeze({ ...node, lag, lagging });
  });
  return { nodes: measured, positions };
}

/**
 * The positions with the primary's newest one. An unchanged position gets the new date instead of a second
 * entry: that distinguishes an idle primary from a standby that is behind. Another primary begins a new list.
 */
export function withPosition(
  positions: readonly Position[],
  primary: NodeDescription | undefined,
): readonly Position[] {
  if (primary?.lsn === undefined || primary.lsnAt === undefined || primary.timeline === undefined)
    return positions;
  const newest = Object.freeze({
    node: primary.name,
    timeline: primary.timeline,
    at: primary.lsnAt,
    lsn: primary.lsn,
  });
  const last = positions.at(-1);
  const same = last !== undefined && last.node === newest.node && last.timeline === newest.timeline;
  // A log that went back is another log: the server was created again.
  if (!same || newest.lsn < last.lsn) return Object.freeze([newest]);
  if (newest.at <= last.at) return positions;
  const kept = last.lsn === newest.lsn ? positions.slice(0, -1) : positions;
  return Object.freeze([...kept.slice(-(MAX_POSITIONS - 1)), newest]);
}

/**
 * How far `standby` is behind. Bytes are counted from the primary's newest position, also a lost primary's
 * until that expires: unlike "received minus replayed" they grow while the WAL receiver is dead. Milliseconds
 * are the smaller of two measures: the age of the last replayed transaction, which also grows while the
 * primary is idle; and the time since the primary was last seen at a position that the standby has replayed,
 * which needs no server's clock. A position older than the longest pause between probes only shows what the
 * standby had then: bytes are unknown, and the milliseconds count from there.
 */
export function lagOf(
  standby: NodeDescription,
  positions: readonly Position[],
  { expireAfterMs, probe }: Omit<LagSettings, 'lag'>,
): Lag {
  const newest = positions.at(-1);
  const { lsn, lsnAt } = standby;
  // Positions of two timelines cannot be compared.
  if (standby.diverged) return UNKNOWN_LAG;
  if (standby.role !== 'standby' || lsn === undefined || lsnAt === undefined || newest === undefined) {
    return UNKNOWN_LAG;
  }
  if (Math.abs(lsnAt - newest.at) > expireAfterMs) return UNKNOWN_LAG;
  const behind = newest.lsn - lsn;
  if (behind <= 0n) {
    const ageMs = lsnAt - newest.at;
    return ageMs <= probe.intervalMs * LONGEST_INTERVAL_FACTOR
      ? NO_LAG
      : Object.freeze({ bytes: undefined, ms: ageMs });
  }
  const replayed = positions.findLast((position) => position.lsn <= lsn);
  const seenMs = replayed === undefined ? undefined : Math.max(0, Math.max(lsnAt, newest.at) - replayed.at);
  return Object.freeze({ bytes: Number(behind), ms: smaller(standby.replayAgeMs, seenMs) });
}

/** Whether the standby is beyond the limits, given whether it was before. Unknown lag changes nothing. */
export function isLagging(lag: Lag, limits: LagLimits, wasLagging: boolean): boolean {
  const share = wasLagging ? RETURN_SHARE : 1;
  const exceeded = [exceeds(lag.ms, limits.maxMs, share), exceeds(lag.bytes, limits.maxBytes, share)];
  if (exceeded.includes(true)) return true;
  return exceeded.includes(undefined) ? wasLagging : false;
}

/** `undefined` if there is a limit and the value is unknown. */
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
