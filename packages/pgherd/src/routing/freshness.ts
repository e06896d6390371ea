import type { NodeDescription } from '../model/topology.ts';

/** How far a standby may be behind, in the whole cluster; `undefined` means no limit. */
export interface LagRule {
  /** Age of what a standby shows, milliseconds. */
  readonly maxMs: number | undefined;
  /** Bytes of write-ahead log that a standby lacks. */
  readonly maxBytes: number | undefined;
  /** Whether a standby beyond the limits serves if no other node can. */
  readonly allowStale: boolean;
}

/** Limits of a single call, over those of the cluster. */
export interface OwnLimits {
  /** Milliseconds; `Infinity` for no limit although the cluster has one. */
  readonly maxLagMs?: number | undefined;
  /** Bytes; `Infinity` for no limit although the cluster has one. */
  readonly maxLagBytes?: number | undefined;
}

/**
 * Whether a node is fresh enough to be read; one that is no standby always is. The limits of the cluster were
 * applied when the lag was measured, with hysteresis; a call's own limit is compared without, and if the call
 * gives only one of the two, the other is the cluster's. Unknown lag is not small lag.
 */
export function isFresh(node: NodeDescription, own: OwnLimits, rule: LagRule): boolean {
  if (node.role !== 'standby') return true;
  if (!hasOwnLimit(own)) {
    if (node.lagging) return false;
    const { bytes, ms } = node.lag;
    return (
      (rule.maxMs === undefined || ms !== undefined) && (rule.maxBytes === undefined || bytes !== undefined)
    );
  }
  const { maxMs, maxBytes } = limitsOf(own, rule);
  return isWithin(node.lag.ms, maxMs) && isWithin(node.lag.bytes, maxBytes);
}

/**
 * Why the node is not fresh, with the numbers. Lag is rounded up, so that a lag beyond the limit also shows
 * as such.
 */
export function staleBecause(node: NodeDescription, own: OwnLimits, rule: LagRule): string {
  const { bytes, ms } = node.lag;
  const { maxMs, maxBytes } = limitsOf(own, rule);
  const known = `${rounded(bytes)} bytes, ${rounded(ms)} ms behind`;
  const limit = `the limit is ${maxBytes ?? 'no'} bytes, ${maxMs ?? 'no'} ms`;
  const within = isWithin(ms, maxMs) && isWithin(bytes, maxBytes);
  return `${known}; ${limit}${within ? ', and it was beyond that limit and is not yet well below it' : ''}`;
}

/** Why it is not known what a read on the node would see. */
export function unknownAge({ several }: NodeDescription): string | undefined {
  if (several === undefined) return undefined;
  return `${several.servers} servers answer at its address, so that it is not known how far behind the one is that would be read`;
}

/** Whether the call gives any limit of its own. */
export function hasOwnLimit(own: OwnLimits): boolean {
  return own.maxLagMs !== undefined || own.maxLagBytes !== undefined;
}

/** Whether a limit holds for the call, its own or the cluster's. */
export function isLimited(own: OwnLimits, rule: LagRule): boolean {
  const { maxMs, maxBytes } = limitsOf(own, rule);
  return maxMs !== undefined || maxBytes !== undefined;
}

function limitsOf(own: OwnLimits, rule: LagRule): Pick<LagRule, 'maxMs' | 'maxBytes'> {
  return {
    maxMs: finite(own.maxLagMs ?? rule.maxMs),
    maxBytes: finite(own.maxLagBytes ?? rule.maxBytes),
  };
}

function finite(limit: number | undefined): number | undefined {
  return limit === Number.POSITIVE_INFINITY ? undefined : limit;
}

function isWithin(value: number | undefined, limit: number | undefined): boolean {
  return limit === undefined || (value !== undefined && value <= limit);
}

function rounded(value: number | undefined): string {
  return value === undefined ? 'unknown' : String(Math.ceil(value));
}
