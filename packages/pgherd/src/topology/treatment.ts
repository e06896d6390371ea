import type { NodeDescription } from '../model/topology.ts';
import { isOutOfRecovery } from './identity.ts';

/** What happens to the connections of a node after its description changed. */
export interface Treatment {
  /** Close idle connections, and leased ones when they come back. */
  readonly evict: boolean;
  /** Send callers that wait for a connection of this node to look for another. */
  readonly redirectWaiters: boolean;
  /** Destroy connections that run reads: they are re-run elsewhere. */
  readonly destroyReads: boolean;
  /** Destroy every connection at once. */
  readonly destroyAll: boolean;
  /** Why, in plain words. */
  readonly reason: string;
}

const NOTHING: Treatment = Object.freeze({
  evict: false,
  redirectWaiters: false,
  destroyReads: false,
  destroyAll: false,
  reason: '',
});

/**
 * What to do with a node's connections. A promotion closes nothing. A demotion closes what is idle. Silence moves
 * reads and waiters away, but a write that was sent waits: only a proof that it can never be answered destroys it.
 */
export function treatConnections(
  before: NodeDescription,
  after: NodeDescription,
  newerPrimaryKnown: boolean,
): Treatment {
  if (after.standing !== before.standing && after.standing !== 'current') {
    return { ...everything(), reason: `${after.standing}: ${after.standingReason ?? ''}` };
  }
  if (after.generation !== before.generation && after.health === 'ok') {
    return { ...everything(), reason: 'the server was restarted' };
  }
  if (isGone(after) && !isGone(before)) {
    return { ...everything(), reason: after.healthReason ?? 'offline' };
  }
  // What it was may have expired meanwhile; one that never told is not known to have been the primary.
  const maybePrimary = after.role !== 'standby' && after.roleAt !== undefined;
  if (after.health !== 'ok' && newerPrimaryKnown && maybePrimary) {
    return { ...everything(), reason: 'another node became the primary' };
  }
  if (after.health !== 'ok' && after.health !== before.health) {
    const reason = after.healthReason ?? after.health;
    const evict = after.health === 'offline';
    // A server that is full lets nobody in, and answers those who are.
    const destroyReads = after.connectFailure !== 'too-many-connections';
    return { evict, redirectWaiters: true, destroyReads, destroyAll: false, reason };
  }
  if (isOutOfRecovery(before) && before.role === 'primary' && after.role !== 'primary') {
    return { ...NOTHING, evict: true, redirectWaiters: true, reason: `became ${after.role}` };
  }
  return NOTHING;
}

/**
 * Whether what still runs on a node that has left the list is lost because `writable` is the primary now: there is a higher
 * timeline, the server was restarted, or it was silent when it left and another one took its place. The same server, listed
 * again or by another name, is no successor; nobody succeeds a standby.
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

function everything(): Omit<Treatment, 'reason'> {
  return { evict: true, redirectWaiters: true, destroyReads: true, destroyAll: true };
}

/** Refused by its host: no process listens there any more, so nothing that was sent can be answered. */
function isGone(node: NodeDescription): boolean {
  return node.health === 'offline' && node.connectFailure === 'refused';
}
