import type { Pool } from '../pool/pool.ts';
import type { Disposal } from '../topology/disposition.ts';
import type { Session } from './session.ts';

/** Carries out what was decided about the connections of a pool. */
export function disposeOf(pool: Pool<Session>, { disposition, reason }: Disposal): void {
  if (disposition === 'keep') return;
  // First the waiting callers: otherwise a connection would be opened for each of them, only to be evicted.
  pool.redirectWaiters(reason);
  switch (disposition) {
    case 'redirect':
      break;
    case 'drain':
      pool.evict(reason);
      break;
    case 'move-reads':
      destroyReads(pool, reason);
      break;
    case 'withdraw':
      destroyReads(pool, reason);
      pool.evict(reason);
      break;
    case 'destroy':
      pool.destroyWhere(() => true, reason);
      pool.evict(reason);
      break;
    default:
      disposition satisfies never;
  }
}

/** Destroys the connections of reads that can run elsewhere, and those on which nothing was written yet. */
function destroyReads(pool: Pool<Session>, reason: string): void {
  const canMove = (session: Session) => session.use === 'read-only' && session.movable;
  pool.destroyWhere((session) => session.isLookedAt || canMove(session), reason);
}
