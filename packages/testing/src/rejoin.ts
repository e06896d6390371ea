import { constants } from 'node:fs';
import { copyFile, lchown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { forkPoint, readControlFile } from './control-file.ts';
import { hasCode, TestClusterError } from './errors.ts';
import type { TestNode } from './node.ts';
import type { RunUser } from './run-user.ts';

/** Left out of a copy of a live server, as pg_basebackup does: made anew, or the source's own. */
const SKIPPED_FILES: ReadonlySet<string> = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'standby.signal',
  'promote',
  'backup_label',
]);
const EMPTIED_FOLDERS: ReadonlySet<string> = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);

/** Brings `node` back as a standby of `primary`; the caller waits for streaming. */
export async function rejoin(node: TestNode, primary: TestNode, user: RunUser): Promise<void> {
  if (node === primary) {
    throw new TestClusterError(
      `${node.name} is the primary, so it has nobody to rejoin. Promote another node first.`,
    );
  }
  if (node.state !== 'stopped') await node.kill();
  if (!(await isAncestor(node, primary))) await replaceByCopy(node, primary, user);
  await node.configure({ default_transaction_read_only: false });
  await node.markAsStandby(true);
  await node.follow(primary);
  await node.start();
}

/** Whether the node was shut down cleanly before the primary's timeline left its own: then its files are good. */
async function isAncestor(node: TestNode, primary: TestNode): Promise<boolean> {
  const [own, other] = await Promise.all([
    readControlFile(node.dataDirectory),
    primary.admin.query(`select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`),
  ]);
  if (!own.shutDown) return false;
  const timeline = String(other[0]?.['timeline']);
  if (Number.parseInt(timeline, 16) === own.timeline) return false;
  try {
    const history = await readFile(path.join(primary.dataDirectory, 'pg_wal', `${timeline}.history`), 'utf8');
    const left = forkPoint(history, own.timeline);
    return left !== undefined && own.checkpoint < left;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function replaceByCopy(node: TestNode, primary: TestNode, user: RunUser): Promise<void> {
  const draft = `${node.dataDirectory}.new`;
  await rm(draft, { recursive: true, force: true });
  const label = await primary.admin.withSession(async (query) => {
    const [version] = await query(`select current_setting('server_version_num')::int >= 150000 as modern`);
    const modern = version?.['modern'] === true;
    await query(
      modern ? `select pg_backup_start('rejoin', true)` : `select pg_start_backup('rejoin', true, false)`,
    );
    await copyLive(primary.dataDirectory, draft, user, 0);
    const stop = modern ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
    const [row] = await query(`select labelfile from ${stop}`);
    return String(row?.['labelfile']);
  });
  await mkdir(path.join(draft, 'pg_wal', 'archive_status'), { recursive: true, mode: 0o700 });
  const labelFile = path.join(draft, 'backup_label');
  await writeFile(labelFile, label, { mode: 0o600 });
  for (const place of [labelFile, path.join(draft, 'pg_wal', 'archive_status')]) await own(place, user);
  await rm(node.dataDirectory, { recursive: true, force: true });
  await rename(draft, node.dataDirectory);
}

/** Copies a directory whose files come and go: what vanished while we looked is not needed. */
async function copyLive(from: string, to: string, user: RunUser, depth: number): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  await own(to, user);
  const entries = await readdir(from, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  const files = entries.filter((entry) => entry.isFile() && !SKIPPED_FILES.has(entry.name));
  // The control file goes last, as pg_basebackup does it.
  const ordered = files.filter((entry) => entry.name !== 'pg_control');
  for (const folder of folders) {
    const target = path.join(to, folder.name);
    if (depth === 0 && EMPTIED_FOLDERS.has(folder.name)) {
      await mkdir(target, { mode: 0o700 });
      await own(target, user);
    } else if (folder.name !== 'global') {
      await copyLive(path.join(from, folder.name), target, user, depth + 1);
    }
  }
  await inTurns(ordered, 16, (entry) =>
    copyIfThere(path.join(from, entry.name), path.join(to, entry.name), user),
  );
  if (folders.some((folder) => folder.name === 'global')) {
    await copyLive(path.join(from, 'global'), path.join(to, 'global'), user, depth + 1);
  }
  if (ordered.length < files.length) {
    await copyIfThere(path.join(from, 'pg_control'), path.join(to, 'pg_control'), user);
  }
}

async function copyIfThere(from: string, to: string, user: RunUser): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await own(to, user);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

async function own(place: string, user: RunUser): Promise<void> {
  if (user.spawnAs) await lchown(place, user.uid, user.gid);
}

/** Runs `work` for all items, so many at a time. */
async function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
