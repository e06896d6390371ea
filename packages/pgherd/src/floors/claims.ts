import type { NodeDescription } from '../model/topology.ts';

/** Whether the node says that it is out of recovery. */
export function isOutOfRecovery(node: NodeDescription): boolean {
  return node.role === 'primary' || node.role === 'primary-read-only';
}

/**
 * Whether the node says that it is the primary, and may be. One promoted only to look into the past may not.
 */
export function mayBePrimary(node: NodeDescription): boolean {
  return node.promotable && isOutOfRecovery(node);
}
