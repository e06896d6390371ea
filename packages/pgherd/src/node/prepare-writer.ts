import type { NodeDescription } from '../model/topology.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { Pool } from '../pool/pool.ts';
import { withLimit } from '../time/wait.ts';
import type { Session } from './session.ts';

/** What of a node is needed to prepare a writer. */
export interface WriterPorts {
  readonly pool: Pool<Session>;
  readonly settings: ClusterSettings;
  describe(): NodeDescription;
}

/** Ensures that a connection is open, alive and able to write: the first write after a promotion does not wait for one. Never rejects. */
export async function prepareWriter({ pool, settings, describe }: WriterPorts): Promise<void> {
  const { clock, connectTimeoutMs, probe } = settings;
  const prefer = (session: Session) => session.access === 'read-write';
  const deadline = clock.now() + connectTimeoutMs;
  const session = await pool.acquire({ deadline, prefer }).catch(() => undefined);
  if (session === undefined) return;
  try {
    await withLimit(clock, probe.timeoutMs, session.setAccess('read-write'));
    if (describe().role === 'standby') session.notePrepared(clock.now());
    pool.release(session);
  } catch {
    pool.destroyWhere((one) => one === session, 'could not be prepared for writes');
  }
}
