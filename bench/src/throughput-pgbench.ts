import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { percentile } from './throughput-load.ts';
import { ROWS, type Sample, SELECT, type SliceRequest, UPDATE } from './throughput-works.ts';

/** Where Debian keeps the programs of each version. */
const DEBIAN = '/usr/lib/postgresql';
/** Connections: those that every contender may have. */
const MOST_CLIENTS = 10;
/** Share of its statements whose time pgbench writes down: more would cost it time. */
const SAMPLED = 0.1;

/** Path of pgbench; `undefined` where it is not installed. */
export async function findPgbench(): Promise<string | undefined> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions
      .sort((one, other) => Number(other) - Number(one))
      .map((version) => join(DEBIAN, version, 'bin')),
  ];
  for (const folder of folders) {
    const path = join(folder, 'pgbench');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/**
 * PostgreSQL's own benchmark in C as a contender for selects and updates: one thread, prepared statements, no pipelining, one connection for each
 * caller up to ten. A slice lasts whole seconds, since pgbench knows no others.
 */
export class PgbenchWorker {
  /** Updates that it counted, ever. */
  updates = 0;
  readonly statements = Number.POSITIVE_INFINITY;
  readonly #path: string;
  readonly #url: URL;

  constructor(path: string, url: string) {
    this.#path = path;
    this.#url = new URL(url);
  }

  /** @throws Error with what pgbench printed, if it failed. */
  async slice({ work, callers, seconds }: SliceRequest): Promise<Sample> {
    if (work !== 'select' && work !== 'update') throw new Error(`pgbench is not set up for ${work}`);
    const text = work === 'select' ? SELECT : UPDATE;
    const folder = await mkdtemp(join(tmpdir(), 'pgherd-pgbench-'));
    try {
      const script = join(folder, 'work.sql');
      await writeFile(script, `\\set id random(1, ${ROWS})\n${text.replace('$1', ':id')};\n`);
      const { stdout } = await this.#run(folder, script, Math.min(callers, MOST_CLIENTS), Math.ceil(seconds));
      const { done, ...sample } = readReport(stdout);
      if (work === 'update') this.updates += done;
      return { ...sample, ...(await readTimes(folder)) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {}

  #run(
    folder: string,
    script: string,
    clients: number,
    seconds: number,
  ): Promise<{ readonly stdout: string }> {
    const { hostname, port, username, password, pathname } = this.#url;
    const args = [
      ...['-n', '-M', 'prepared', '-j', '1', '-c', String(clients), '-T', String(seconds), '-f', script],
      ...['-l', `--log-prefix=${join(folder, 'log')}`, `--sampling-rate=${SAMPLED}`],
      ...[
        '-h',
        hostname,
        '-p',
        port,
        '-U',
        decodeURIComponent(username),
        decodeURIComponent(pathname.slice(1)),
      ],
    ];
    // The shell's own `times` says how much processor time its children took.
    const run = promisify(execFile)('sh', ['-c', '"$0" "$@" && times', this.#path, ...args], {
      env: { ...process.env, PGPASSWORD: decodeURIComponent(password), LC_ALL: 'C' },
    });
    return run;
  }
}

/** Statements per second, processor time for each, and their number, from what pgbench and `times` print. */
export function readReport(text: string): Pick<Sample, 'perSecond' | 'clientUs'> & { readonly done: number } {
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(text)?.[1]);
  const done = Number(/^number of transactions actually processed: (\d+)/m.exec(text)?.[1]);
  // The last line of `times` is that of the children: user and system, each as minutes and seconds.
  const [, ...parts] = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(text) ?? [];
  const [userMin = Number.NaN, userS = 0, systemMin = 0, systemS = 0] = parts.map(Number);
  const busyS = (userMin + systemMin) * 60 + userS + systemS;
  if (!(perSecond > 0) || !(done > 0))
    throw new Error(`pgbench printed something unexpected: ${text.slice(0, 500)}`);
  return { perSecond, clientUs: (busyS * 1e6) / done, done };
}

/** Percentiles of the times that it wrote down: the third column, µs. */
async function readTimes(folder: string): Promise<Pick<Sample, 'p95Ms' | 'p99Ms'>> {
  const files = (await readdir(folder)).filter((name) => name.startsWith('log'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const times = texts.flatMap((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[2]) / 1_000),
  );
  times.sort((one, other) => one - other);
  return { p95Ms: percentile(times, 0.95), p99Ms: percentile(times, 0.99) };
}
