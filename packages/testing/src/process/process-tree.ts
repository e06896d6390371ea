import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { hasCode } from '../errors.ts';
import { waitUntil } from '../wait.ts';

const run = promisify(execFile);

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** `R`, `S`, `T` (stopped), `Z` (dead, not yet collected), … */
  readonly state: string;
}

/** All processes of this machine. On Linux a few milliseconds, no child process. */
async function allProcesses(): Promise<ProcessRow[]> {
  if (process.platform !== 'linux') return allProcessesByPs();
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    const row = Number.isInteger(pid) ? readRow(pid) : undefined;
    return row ? [row] : [];
  });
}

function readRow(pid: number): ProcessRow | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '?', parent = '0'] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(parent), state };
  } catch {
    return undefined;
  }
}

async function allProcessesByPs(): Promise<ProcessRow[]> {
  const { stdout } = await run('ps', ['-axo', 'pid=,ppid=,state=']);
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/);
    return pid && parent && state
      ? [{ pid: Number(pid), parent: Number(parent), state: state.charAt(0) }]
      : [];
  });
}

async function stateOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return readRow(pid)?.state;
  return (await allProcessesByPs()).find((row) => row.pid === pid)?.state;
}

async function childrenOf(root: number): Promise<number[]> {
  const rows = (await allProcesses()).filter((row) => row.state !== 'Z');
  const found: number[] = [];
  let parents = new Set([root]);
  while (parents.size > 0) {
    const next = rows.filter((row) => parents.has(row.parent)).map((row) => row.pid);
    found.push(...next);
    parents = new Set(next);
  }
  return found;
}

/** Sends a signal; false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}

/**
 * Stops a process and everything below it, as when the machine stands still; returns the children. The root stops
 * first, so that no new child can appear while the others are looked for: each backend of PostgreSQL is a process group of
 * its own, so there is no one signal for all.
 */
export async function stopTree(root: number): Promise<number[]> {
  if (!signal(root, 'SIGSTOP')) return [];
  await untilStopped(root);
  const children = await childrenOf(root);
  for (const child of children) signal(child, 'SIGSTOP');
  await Promise.all(children.map(untilStopped));
  return children;
}

async function untilStopped(pid: number): Promise<void> {
  const done = async (): Promise<boolean> => {
    const state = await stateOf(pid);
    return state === undefined || 'TtZX'.includes(state);
  };
  await waitUntil(done, { everyMs: 1, what: `process ${pid} to stop` });
}

/** Lets a stopped tree go on; the children first, so that the root finds them awake. */
export async function continueTree(root: number): Promise<void> {
  for (const child of await childrenOf(root)) signal(child, 'SIGCONT');
  signal(root, 'SIGCONT');
}

/** Kills a process and everything below it, and resolves when all are gone. */
export async function killTree(root: number): Promise<void> {
  const all = [root, ...(await stopTree(root))];
  for (const pid of all) signal(pid, 'SIGKILL');
  await Promise.all(all.map(untilGone));
}

async function untilGone(pid: number): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const state = await stateOf(pid);
    return state === undefined || 'ZX'.includes(state);
  };
  await waitUntil(gone, { everyMs: 1, what: `process ${pid} to end` });
}
