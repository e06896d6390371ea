import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, TestClusterError } from '../errors.ts';
import type { RunUser } from '../process/run-user.ts';
import { releaseSharedMemory } from '../process/shared-memory.ts';
import { forkPoint, readControlFile } from './control-file.ts';
import type { TestNode } from './node.ts';
import { copyTrees, giveTo } from './template.ts';

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
      `${node.name} is the primary, so it has no other node to rejoin. Promote another node first.`,
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
    await copyLive(primary.dataDirectory, draft, user);
    const stop = modern ? 'pg_backup_stop(false)' : 'pg_stop_backup(false, false)';
    const [row] = await query(`select labelfile from ${stop}`);
    return String(row?.['labelfile']);
  });
  const labelFile = path.join(draft, 'backup_label');
  await writeFile(labelFile, label, { mode: 0o600 });
  await giveTo(labelFile, user);
  await releaseSharedMemory(node.dataDirectory);
  await rm(node.dataDirectory, { recursive: true, force: true });
  await rename(draft, node.dataDirectory);
}

/** Copies the data directory of a running server, as the files come and go; the replay of its WAL makes it whole. */
async function copyLive(from: string, to: string, user: RunUser): Promise<void> {
  await makeFolder(to, user);
  const names = await readdir(from);
  for (const name of names.filter((each) => EMPTIED_FOLDERS.has(each)))
    await makeFolder(path.join(to, name), user);
  await makeFolder(path.join(to, 'pg_wal', 'archive_status'), user);
  const sources = names
    .filter((name) => !EMPTIED_FOLDERS.has(name) && !SKIPPED_FILES.has(name))
    .map((name) => path.join(from, name));
  await copyTrees(sources, to, user, 'files may vanish');
  // The control file goes last, as pg_basebackup does it.
  await copyTrees([path.join(from, 'global', 'pg_control')], path.join(to, 'global'), user);
}

async function makeFolder(folder: string, user: RunUser): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await giveTo(folder, user);
}
