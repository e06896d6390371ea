import { type TestNode, waitUntil } from '@pgherd/testing';
import type { Cluster } from 'pgherd';

/** Sessions of a program's monitor. */
const OF_MONITORS = "application_name like '% monitor'";

/** Ends the sessions of monitors on a server; the process numbers of those that there were. */
export async function endMonitors(node: TestNode): Promise<readonly number[]> {
  const rows = await node.sql(
    `select pid, pg_terminate_backend(pid) from pg_stat_activity where ${OF_MONITORS}`,
  );
  return rows.map(({ pid }) => Number(pid));
}

/**
 * Ends the monitor's session; resolves when it has another one and has asked on it. That something was heard of the node since is no sign
 * of it: that may have been the last answer on the session that was ended.
 */
export async function replaceMonitor(db: Cluster, node: TestNode): Promise<void> {
  const ended = new Set<number>();
  await waitUntil(
    async () => {
      for (const pid of await endMonitors(node)) ended.add(pid);
      return ended.size > 0;
    },
    { what: 'the monitor to be ended' },
  );
  const others = async () => {
    const rows = await node.sql(`select pid from pg_stat_activity where ${OF_MONITORS}`);
    return rows.some(({ pid }) => !ended.has(Number(pid)));
  };
  await waitUntil(others, { what: 'the monitor to have another session' });
  await db.nextProbe();
}
