import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PEERS = path.join(import.meta.dirname, '..', 'peers');
/** Debian's Python sees what Debian's packages bring; one that comes first in PATH may not. */
const DEBIANS_PYTHON = '/usr/bin/python3';
const GO_PATH = '/usr/share/gocode';
const JARS = ['postgresql', 'HikariCP', 'slf4j-api', 'slf4j-nop'].map(
  (name) => `/usr/share/java/${name}.jar`,
);
const COMPILING_MS = 120_000;

/** How a peer in another language is started; the URL is put behind `args`, and `last` behind that. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly last: readonly string[];
}

/** What the programs need to be made ready. */
export interface Workshop {
  /** The Python that is tried first. */
  readonly python: string;
  /** For what is compiled. */
  readonly folder: string;
}

/** A client in another language, or with packages of its own: a program in `peers`, which speaks the line protocol of its README. */
export interface PeerProgram {
  readonly name: PeerProgramName;
  /** What brings its runtime. */
  readonly needs: string;
  /** @throws Error when it cannot run here. */
  readonly prepare: (workshop: Workshop) => Promise<Command>;
}

export type PeerProgramName = 'aws wrapper' | 'hasql' | 'psycopg' | 'pgx' | 'pgjdbc';

/** In the order of the tables. */
export const PEER_PROGRAMS: readonly PeerProgram[] = Object.freeze([
  {
    name: 'aws wrapper',
    needs: '`npm ci --prefix bench/peers/aws-wrapper`',
    prepare: prepareAwsWrapper,
  },
  {
    name: 'hasql',
    needs: 'hasql and asyncpg for Python; Debian has python3-asyncpg, and no hasql',
    prepare: ({ python }) => pythonWith([python, DEBIANS_PYTHON], 'asyncpg, hasql.asyncpg', 'hasql_peer.py'),
  },
  {
    name: 'psycopg',
    needs: "Debian's python3-psycopg and python3-psycopg-pool",
    prepare: ({ python }) => pythonWith([python, DEBIANS_PYTHON], 'psycopg, psycopg_pool', 'psycopg_peer.py'),
  },
  {
    name: 'pgx',
    needs: "Debian's golang-go and golang-github-jackc-pgx-v4-dev",
    prepare: preparePgx,
  },
  {
    name: 'pgjdbc',
    needs: "Debian's default-jdk-headless, libpostgresql-jdbc-java and libhikaricp-java",
    prepare: preparePgjdbc,
  },
] satisfies PeerProgram[]);

/** In a folder of its own, since the wrapper takes the half of an SDK with it. */
async function prepareAwsWrapper(): Promise<Command> {
  const folder = path.join(PEERS, 'aws-wrapper');
  const wrapper = path.join(folder, 'node_modules/aws-advanced-nodejs-wrapper');
  if (!existsSync(wrapper)) throw new Error(`${wrapper} is not there`);
  const args = ['--import', import.meta.resolve('tsx'), path.join(folder, 'peer.mjs')];
  return { file: process.execPath, args, last: [] };
}

async function pythonWith(pythons: readonly string[], modules: string, program: string): Promise<Command> {
  let reason = '';
  for (const python of new Set(pythons)) {
    try {
      await run(python, ['-c', `import ${modules}`], { timeout: 20_000 });
      return { file: python, args: [path.join(PEERS, program)], last: [] };
    } catch (error) {
      reason ||= lastLineOf(error);
    }
  }
  throw new Error(reason);
}

/** Compiled with Debian's packages instead of modules, so that nothing is fetched. */
async function preparePgx({ folder }: Workshop): Promise<Command> {
  const source = path.join(GO_PATH, 'src/github.com/jackc/pgx/v4');
  if (!existsSync(source)) throw new Error(`${source} is not there`);
  const file = path.join(folder, 'pgx-peer');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOFLAGS: '', GOTOOLCHAIN: 'local' };
  const main = path.join(PEERS, 'pgx', 'main.go');
  await run('go', ['build', '-o', file, main], { env, timeout: COMPILING_MS });
  const { stdout } = await run('go', ['version']);
  const go = /go(\d+\.\d+)/.exec(stdout)?.[1] ?? '';
  const pgx = await debianVersion('golang-github-jackc-pgx-v4-dev');
  return { file, args: [], last: [`pgx ${pgx}, Go ${go}`] };
}

async function preparePgjdbc({ folder }: Workshop): Promise<Command> {
  const missing = JARS.filter((jar) => !existsSync(jar) && !jar.includes('slf4j-nop'));
  if (missing.length > 0) throw new Error(`${missing.join(', ')} is not there`);
  const main = path.join(PEERS, 'pgjdbc', 'PgjdbcPeer.java');
  const classes = [folder, ...JARS].join(path.delimiter);
  await run('javac', ['-cp', classes, '-d', folder, main], { timeout: COMPILING_MS });
  const versions = `pgjdbc ${await debianVersion('libpostgresql-jdbc-java')}, HikariCP ${await debianVersion('libhikaricp-java')}`;
  return { file: 'java', args: ['-cp', classes, 'PgjdbcPeer'], last: [versions] };
}

/** The upstream part of a package's version; `unknown` where it did not come as a package. */
async function debianVersion(name: string): Promise<string> {
  const found = await run('dpkg-query', ['--status', name]).catch(() => ({ stdout: '' }));
  return /^Version: (?:\d+:)?([\w.]+)/m.exec(found.stdout)?.[1] ?? 'unknown';
}

function lastLineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}

/** The programs that can run here. */
export interface ReadyPrograms extends AsyncDisposable {
  of(name: PeerProgramName): Command | undefined;
}

/**
 * Makes the named programs ready, in a folder that is removed with what is returned; each that cannot run here is named in a line of
 * its own, with what would bring it.
 */
export async function preparePrograms(
  names: readonly string[],
  python: string,
  report: (line: string) => void,
): Promise<ReadyPrograms> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pgherd-peers-'));
  const ready = new Map<PeerProgramName, Command>();
  for (const program of PEER_PROGRAMS.filter(({ name }) => names.includes(name))) {
    try {
      ready.set(program.name, await program.prepare({ python, folder }));
    } catch (error) {
      report(`${program.name} is left out: it needs ${program.needs} (${lastLineOf(error)})`);
    }
  }
  return {
    of: (name) => ready.get(name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
