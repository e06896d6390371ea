import type { CausalToken } from '../model/causal-token.ts';
import type { Lsn } from '../model/lsn.ts';
import type { Position, TopologyDescription } from '../model/topology.ts';

/** What a standby must have replayed. */
export interface Replayed {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** Where a read may go that must see what a token stands for. */
export type CausalRoute =
  /** The token has lapsed: anywhere. */
  | { readonly kind: 'anywhere' }
  /** Only the primary is sure to show it. */
  | { readonly kind: 'primary' }
  /** The token is of a later timeline than any seen here: the nodes are probed before anything is decided. */
  | { readonly kind: 'look' }
  /** The primary, or a standby that has replayed this. */
  | { readonly kind: 'replayed'; readonly position: Replayed };

/**
 * How far the clock of another process may be ahead of ours before its tokens are no longer believed,
 * milliseconds.
 */
const LARGEST_SKEW_MS = 60_000;
/**
 * A log cannot have grown by more than this since the last probe, bytes: many times what disks write in a
 * minute.
 */
const LARGEST_GROWTH = 1n << 40n;

/**
 * Decides what a token demands. A token is no evidence about the nodes: it only narrows where the read may
 * go, and if it does not fit the picture the read goes to the primary. Positions of another epoch do not
 * count in this one.
 */
export function routeToken(
  token: CausalToken,
  topology: Pick<TopologyDescription, 'systemIdentifier' | 'floor' | 'positions'>,
  wallTime: number,
  ttlMs: number,
): CausalRoute {
  const ageMs = wallTime - token.at;
  if (ageMs < -LARGEST_SKEW_MS) return PRIMARY;
  if (ageMs > ttlMs) return { kind: 'anywhere' };
  const { systemIdentifier, timeline, lsn } = token;
  if (timeline === undefined || lsn === undefined || lsn === 0n || timeline === 0) return PRIMARY;
  const ours = topology.systemIdentifier;
  if (systemIdentifier !== undefined && ours !== undefined && systemIdentifier !== ours) return PRIMARY;
  if (topology.floor === undefined || timeline < topology.floor) return PRIMARY;
  if (timeline > topology.floor) return { kind: 'look' };
  if (isBeyondReach(lsn, timeline, topology.positions)) return PRIMARY;
  return { kind: 'replayed', position: { timeline, lsn } };
}

/** Whether no log of this timeline can have grown so far. */
function isBeyondReach(lsn: Lsn, timeline: number, positions: readonly Position[]): boolean {
  const newest = positions.at(-1);
  return newest !== undefined && newest.timeline === timeline && lsn > newest.lsn + LARGEST_GROWTH;
}

/** What two tokens demand together: the stricter of both. */
export function strictest(one: CausalRoute, other: CausalRoute): CausalRoute {
  for (const kind of ['look', 'primary'] as const) {
    if (one.kind === kind) return one;
    if (other.kind === kind) return other;
  }
  if (one.kind !== 'replayed') return other;
  if (other.kind !== 'replayed') return one;
  // Both are of the timeline that is the floor.
  return one.position.lsn >= other.position.lsn ? one : other;
}

/** What is known of a standby's replay. */
export interface ReplayFacts {
  readonly lsn: Lsn | undefined;
  /** The timeline that it has reached, a lower bound. */
  readonly timelineAtLeast: number | undefined;
}

/**
 * Whether a standby is known to have replayed a position. On a later timeline than the first the position
 * alone proves nothing: a standby that still follows a former primary advances on another branch.
 */
export function hasReplayed(facts: ReplayFacts, { timeline, lsn }: Replayed): boolean {
  if (facts.lsn === undefined || facts.lsn < lsn) return false;
  return timeline === 1 || (facts.timelineAtLeast !== undefined && facts.timelineAtLeast >= timeline);
}

const PRIMARY: CausalRoute = Object.freeze({ kind: 'primary' });
