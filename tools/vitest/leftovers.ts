import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A process that still runs, with enough of its command line to recognise it. */
export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

const RUN_VARIABLE = 'PGHERD_TEST_RUN';
const SERVERS_VARIABLE = 'PGHERD_TESTING_DIR';
/** Where servers start fastest, and how much must be free there for them: as `@pgherd/testing` would choose. */
const MEMORY = '/dev/shm';
const ROOMY_BYTES = 8 * 1024 ** 3;

/**
 * Vitest's global setup: gives the run a temporary directory of its own, and fails it at the end when a directory
 * `pgherd-*` is left there or a process (a PostgreSQL server above all) still works in it.
 *
 * The directory is what makes the check fair: another run on the same machine has another one.
 */
export default function setup(): (() => void) | undefined {
  // Vitest calls this once for each project; the first call owns the directory.
  if (process.env[RUN_VARIABLE] !== undefined) return undefined;
  const directory = openDirectory(tmpdir());
  const servers = hasRoom(MEMORY) ? openDirectory(MEMORY) : directory;
  const before = { TMPDIR: process.env['TMPDIR'], [SERVERS_VARIABLE]: process.env[SERVERS_VARIABLE] };
  process.env[RUN_VARIABLE] = directory;
  process.env['TMPDIR'] = directory;
  process.env[SERVERS_VARIABLE] ??= servers;
  const directories = [...new Set([directory, servers])];
  // A run that is interrupted ends without what is returned here being called.
  const onExit = () => {
    for (const each of directories) closeDirectory(each);
  };
  process.once('exit', onExit);
  return () => {
    process.off('exit', onExit);
    delete process.env[RUN_VARIABLE];
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    const messages = directories.flatMap((each) => closeDirectory(each) ?? []);
    if (messages.length === 0) return;
    process.exitCode = 1;
    throw new Error(messages.join('\n'));
  };
}

function openDirectory(parent: string): string {
  const directory = mkdtempSync(join(parent, 'herd-'));
  // PostgreSQL refuses to run as root, so that servers run as someone else, who must get in and write.
  chmodSync(directory, 0o1777);
  return directory;
}

/** Removes the directory and ends what runs in it; says what there was. */
function closeDirectory(directory: string): string | undefined {
  const message = describeLeftovers(directory);
  for (const { pid } of processesIn(directory)) kill(pid);
  rmSync(directory, { recursive: true, force: true });
  return message;
}

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOMY_BYTES;
  } catch {
    return false;
  }
}

/** What the tests left in `directory`, in words; `undefined` when nothing. */
export function describeLeftovers(directory: string): string | undefined {
  const folders = readdirSync(directory).filter((name) => name.startsWith('pgherd-'));
  const processes = processesIn(directory);
  if (folders.length === 0 && processes.length === 0) return undefined;
  return [
    'The tests left something behind:',
    ...folders.map((name) => `  directory ${name}`),
    ...processes.map(({ pid, command }) => `  process ${pid} ${command}`),
  ].join('\n');
}

/** Processes that have their working directory in `directory`, or name it on their command line. */
export function processesIn(directory: string): RunningProcess[] {
  const all = existsSync('/proc/self/cwd') ? processesOfProc(directory) : processesOfPs(directory);
  return all.filter(({ pid }) => pid !== process.pid);
}

function processesOfProc(directory: string): RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        // A zombie has neither command line nor working directory: it is gone, only not yet reaped.
        const inside =
          command.includes(`${directory}/`) || readlinkSync(`/proc/${name}/cwd`).startsWith(directory);
        return inside ? [{ pid: Number(name), command: command.slice(0, 200) }] : [];
      } catch {
        return []; // It ended while we looked, or belongs to someone whose processes we may not see.
      }
    });
}

function processesOfPs(directory: string): RunningProcess[] {
  return execFileSync('ps', ['-axo', 'pid=,command='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(`${directory}/`))
    .map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim().slice(0, 200) }));
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
