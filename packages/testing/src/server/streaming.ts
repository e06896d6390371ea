import { waitUntil } from '../wait.ts';
import type { Admin } from './admin.ts';
import type { TestNode } from './node.ts';

/**
 * Whether a standby streams from this primary on the primary's own timeline. A standby that followed the primary before its promotion
 * counts as streaming for a moment, until it is sent away to come back on the new timeline.
 */
export async function streamsFrom(primary: TestNode, standby: TestNode): Promise<boolean> {
  const [[sender], [receiver]] = await Promise.all([
    primary.admin.query(
      `select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline from pg_stat_replication
       where application_name = $1 and state = 'streaming'`,
      [standby.name],
    ),
    standby.admin.query(
      `select received_tli as timeline from pg_stat_wal_receiver where status = 'streaming'`,
    ),
  ]);
  if (!sender || !receiver) return false;
  return Number.parseInt(String(sender['timeline']), 16) === receiver['timeline'];
}

/** Those of the standbys that do not stream from this primary. */
export async function notStreaming(primary: TestNode, standbys: readonly TestNode[]): Promise<TestNode[]> {
  const streaming = await Promise.all(standbys.map((node) => streamsFrom(primary, node)));
  return standbys.filter((_node, index) => !streaming[index]);
}

/** The way into one server. */
interface Reachable {
  readonly name: string;
  readonly admin: Admin;
}

/** Resolves when the standbys have replayed what the primary has written by now. */
export async function untilReplayed(primary: Reachable, standbys: readonly Reachable[]): Promise<void> {
  const [row] = await primary.admin.query('select pg_current_wal_insert_lsn()::text as lsn');
  const question = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok';
  for (const { name, admin } of standbys) {
    const replayed = async (): Promise<unknown> => (await admin.query(question, [row?.['lsn']]))[0]?.['ok'];
    await waitUntil(replayed, { what: `${name} to replay what was written` });
  }
}
