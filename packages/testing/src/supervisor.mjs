// @ts-check
// Outlives the test process, to leave nothing behind when that one crashes. It reads directories from its standard input,
// one command a line: `watch <dir>`, `remove <dir>`. When the input ends (the test process is gone, however it
// died) every server below a watched directory is killed and the directory removed. Plain JavaScript, because it is run by
// bare Node from the sources too.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** @type {Set<string>} */
const watched = new Set();

for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGPIPE'])) {
  process.on(name, () => {});
}
process.stdout.on('error', () => {});

const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const space = line.indexOf(' ');
  const verb = line.slice(0, space);
  const directory = line.slice(space + 1);
  if (verb === 'watch') watched.add(directory);
  if (verb === 'remove') {
    remove(directory);
    process.stdout.write(`removed ${directory}\n`);
  }
});
input.on('close', () => {
  for (const directory of watched) remove(directory);
  process.exit(0);
});

/** @param {string} directory */
function remove(directory) {
  watched.delete(directory);
  for (let round = 0; round < 200; round += 1) {
    const found = processesIn(directory);
    if (found.length === 0) break;
    for (const pid of found) kill(pid);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
  for (const id of sharedMemoryOf(directory))
    attempt(() => execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' }));
  attempt(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
}

/**
 * On Linux every process whose working directory lies below (PostgreSQL works in its data directory); elsewhere the
 * postmasters named by their pid files, with their children.
 * @param {string} directory
 * @returns {number[]}
 */
function processesIn(directory) {
  if (process.platform !== 'linux') return processesByPidFile(directory);
  const real = attempt(() => realpathSync(directory)) ?? directory;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const place = pid > 0 ? attempt(() => readlinkSync(`/proc/${pid}/cwd`)) : undefined;
      return place !== undefined && (place === real || place.startsWith(`${real}/`)) && !isDead(pid);
    });
}

/** @param {number} pid */
function isDead(pid) {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return text === undefined || text.slice(text.lastIndexOf(')') + 2).startsWith('Z');
}

/**
 * @param {string} directory
 * @returns {number[]}
 */
function processesByPidFile(directory) {
  const table = attempt(() => execFileSync('ps', ['-axo', 'pid=,ppid=,state='], { encoding: 'utf8' })) ?? '';
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  const alive = rows.filter((row) => row.length === 3 && !row[2]?.startsWith('Z'));
  const roots = pidFiles(directory).map((lines) => lines[0] ?? '');
  return alive
    .filter(([pid = '', parent = '']) => roots.includes(pid) || roots.includes(parent))
    .map(([pid]) => Number(pid));
}

/**
 * A killed server leaves its System V segment, named in line 7 of its pid file: key and id.
 * @param {string} directory
 * @returns {string[]}
 */
function sharedMemoryOf(directory) {
  return pidFiles(directory).flatMap((lines) => lines[6]?.trim().split(/\s+/)[1] ?? []);
}

/**
 * @param {string} directory
 * @returns {string[][]}
 */
function pidFiles(directory) {
  const names = attempt(() => readdirSync(directory)) ?? [];
  return names.flatMap((name) => {
    const text = attempt(() => readFileSync(path.join(directory, name, 'postmaster.pid'), 'utf8'));
    return text === undefined ? [] : [text.split('\n')];
  });
}

/** @param {number} pid */
function kill(pid) {
  attempt(() => process.kill(pid, 'SIGKILL'));
}

/**
 * @template T
 * @param {() => T} action
 * @returns {T | undefined}
 */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}
