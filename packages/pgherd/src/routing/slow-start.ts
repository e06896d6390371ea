import type { NodeDescription } from '../model/topology.ts';

/** Share that a node has at once, of what it would get otherwise: enough to warm its caches and to measure it. */
const FIRST_SHARE = 0.1;

/**
 * Whether a node that is in this state now is to take its share of the reads gradually: it was offline or not known, or its server has
 * started anew. Its caches are cold, and as it has nothing to do it would be given everything. Pure.
 */
export function comesBack(before: NodeDescription | undefined, after: NodeDescription): boolean {
  if (after.health !== 'ok') return false;
  if (before === undefined || before.health === 'offline') return true;
  const { postmasterStartedAt: start } = before;
  return (
    start !== undefined && after.postmasterStartedAt !== undefined && after.postmasterStartedAt !== start
  );
}

/** The share that a node has `sinceMs` after it came back, 0 to 1. */
export function shareAfter(sinceMs: number, slowStartMs: number): number {
  if (sinceMs >= slowStartMs) return 1;
  return FIRST_SHARE + (1 - FIRST_SHARE) * (Math.max(0, sinceMs) / slowStartMs);
}
