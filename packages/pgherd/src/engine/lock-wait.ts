import type { Herd } from '../herd/herd.ts';
import type { Session } from '../node/session.ts';

/**
 * Whether the server says that a session waits for a lock. It is asked on the monitor's connection, never behind other work; `false`
 * if it cannot be asked. An ordinary role sees the waits of its own sessions.
 */
export async function waitsForLock(herd: Herd, { node, connection }: Session): Promise<boolean> {
  const ask = herd.nodes.get(node)?.monitor.askSoon;
  const { backendPid } = connection;
  if (ask === undefined || backendPid === undefined) return false;
  const text = `SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = ${backendPid} AND wait_event_type = 'Lock'`;
  try {
    return (await ask(text)).rows.length > 0;
  } catch {
    return false;
  }
}
