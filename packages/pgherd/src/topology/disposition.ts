import { isOutOfRecovery } from '../floors/claims.ts';
import type { NodeDescription } from '../model/topology.ts';

/**
 * What becomes of a node's connections, from the mildest on. All but `keep` send callers that wait for one to
 * another node.
 *
 * - `keep`: nothing happens.
 * - `redirect`: nothing else happens; what runs goes on.
 * - `drain`: idle connections are closed, leased ones when they come back.
 * - `move-reads`: connections that run reads are destroyed, so that the reads run elsewhere; idle ones stay.
 * - `withdraw`: `move-reads` and `drain`; what is left are writes that were sent.
 * - `destroy`: every connection is destroyed at once.
 */
export const DISPOSITIONS = Object.freeze([
  'keep',
  'redirect',
  'drain',
  'move-reads',
  'withdraw',
  'destroy',
] as const);
/** One of {@link DISPOSITIONS}. */
export type Disposition = (typeof DISPOSITIONS)[number];

/** What becomes of a node's connections, and why, in plain words. */
export interface Disposal {
  readonly disposition: Disposition;
  readonly reason: string;
}

const KEEP: Disposal = Object.freeze({ disposition: 'keep', reason: '' });

/**
 * What becomes of a node's connections after its description changed. A promotion closes nothing. A demotion
 * closes what is idle. Silence moves reads and waiting callers away, but a write that was sent waits: only a
 * proof that it can never be answered destroys it.
 */
export function disposeConnections(
  before: NodeDescription,
  after: NodeDescription,
  newerPrimaryKnown: boolean,
): Disposal {
  const destroyed = destroyedBecause(before, after, newerPrimaryKnown);
  if (destroyed !== undefined) return { disposition: 'destroy', reason: destroyed };
  if (after.health !== 'ok' && after.health !== before.health) {
    return { disposition: whenUnhealthy(after), reason: after.healthReason ?? after.health };
  }
  if (isOutOfRecovery(before) && before.role === 'primary' && after.role !== 'primary') {
    return { disposition: 'drain', reason: `became ${after.role}` };
  }
  if (before.several !== undefined && after.several === undefined) {
    return { disposition: 'withdraw', reason: 'one server answers at its address again' };
  }
  if (after.leadsTo !== undefined && before.leadsTo === undefined) {
    return { disposition: 'redirect', reason: 'its address leads to another server' };
  }
  return KEEP;
}

/** Why no answer to what was sent can come or be believed any more; `undefined` if one still can. */
function destroyedBecause(
  before: NodeDescription,
  after: NodeDescription,
  newerPrimaryKnown: boolean,
): string | undefined {
  if (after.standing !== before.standing && after.standing !== 'current') {
    return `${after.standing}: ${after.standingReason ?? ''}`;
  }
  if (after.generation !== before.generation && after.health === 'ok' && before.several === undefined)
    return 'the server was restarted';
  if (isGone(after) && !isGone(before)) return after.healthReason ?? 'offline';
  // Its role may have expired meanwhile; a node whose role was never known cannot be taken for a former
  // primary.
  const maybePrimary = after.role !== 'standby' && after.roleAt !== undefined;
  const replaced = after.health !== 'ok' && newerPrimaryKnown && maybePrimary;
  return replaced ? 'another node became the primary' : undefined;
}

/** A server that is full accepts no connection, and answers those that it has. */
function whenUnhealthy({ connectFailure, health }: NodeDescription): Disposition {
  if (health === 'offline') return 'withdraw';
  return connectFailure === 'too-many-connections' ? 'redirect' : 'move-reads';
}

/**
 * Whether the work on a node that has left the list is lost because `writable` is the primary now: its
 * timeline is higher, the server was restarted, or the node was silent when it left and another one took its
 * place. The same server, listed again or by another name, is no successor; a standby has no successor.
 */
export function isSuperseded(last: NodeDescription, writable: NodeDescription): boolean {
  if (last.role === 'standby' || last.roleAt === undefined) return false;
  const sameSystem = writable.systemIdentifier === last.systemIdentifier;
  if (sameSystem && (writable.timeline ?? 0) > (last.timeline ?? Number.POSITIVE_INFINITY)) return true;
  const samePlace = writable.name === last.name && writable.address.hostaddr === last.address.hostaddr;
  const [start, nextStart] = [last.postmasterStartedAt, writable.postmasterStartedAt];
  const sameLife = start === undefined || nextStart === undefined ? samePlace : start === nextStart;
  return !sameLife && (samePlace || last.health !== 'ok');
}

/** Whether the host refuses connections: no process listens there any more, so no answer can come. */
function isGone(node: NodeDescription): boolean {
  return node.health === 'offline' && node.connectFailure === 'refused';
}
