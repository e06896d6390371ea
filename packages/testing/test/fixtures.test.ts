import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitUntil } from '../src/index.ts';
import { processesWorkingIn } from './helpers.ts';

const projects = fileURLToPath(new URL('./projects', import.meta.url));
const vitest = fileURLToPath(new URL('../../../node_modules/vitest/vitest.mjs', import.meta.url));

/** What the files of a project have noted. */
interface Note {
  readonly prepared?: string;
  readonly database?: string;
  readonly url?: string;
  readonly directories?: readonly string[];
  readonly whole?: string;
}

const RUNNERS = {
  vitest: [vitest, 'run', '--root', path.join(projects, 'vitest'), '--no-color'],
  'node --test': [
    '--import',
    'tsx',
    '--conditions=@pgherd/source',
    '--test',
    ...['one', 'two', 'failing', 'broken', 'crash'].map((name) =>
      path.join(projects, 'node-test', `${name}.spec.ts`),
    ),
  ],
} as const;

let directory: string;
let child: ChildProcess;
let output = '';

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'project-'));
  // PostgreSQL refuses to run as root, so that servers run as another user, who must get in and write.
  chmodSync(directory, 0o1777);
  output = '';
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function start(runner: keyof typeof RUNNERS, crash = false): void {
  const { NODE_TEST_CONTEXT: _context, VITEST: _vitest, ...inherited } = process.env;
  const places = {
    TMPDIR: directory,
    PGHERD_TESTING_DIR: directory,
    PROJECT_NOTES: path.join(directory, 'notes'),
  };
  const env = { ...inherited, ...places, ...(crash && { PROJECT_CRASH: 'yes' }) };
  child = spawn(process.execPath, RUNNERS[runner], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
}

function notes(): Note[] {
  try {
    const lines = readFileSync(path.join(directory, 'notes'), 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Note);
  } catch {
    return [];
  }
}

/** No server, no directory of one, no socket. */
async function nothingIsLeft(): Promise<void> {
  const left = () => [
    ...processesWorkingIn(directory),
    ...readdirSync(directory).filter((name) => name.startsWith('pgherd-')),
  ];
  await waitUntil(() => left().length === 0, { what: 'everything to be gone' }).catch((error: unknown) => {
    throw new Error(`left: ${left().join(', ')}\n${output}`, { cause: error });
  });
}

describe.each(Object.keys(RUNNERS) as (keyof typeof RUNNERS)[])('a project of %s', (runner) => {
  it('has a database for each file and one template, and leaves nothing when tests fail', async () => {
    start(runner);
    const [code] = await once(child, 'close');
    expect(code, output).toBe(1);
    const facts = notes();
    expect(
      facts.flatMap(({ whole }) => whole ?? []),
      output,
    ).toHaveLength(1);
    const templates = facts
      .flatMap(({ prepared }) => prepared ?? [])
      .filter((url) => url.includes('template'));
    expect(templates, output).toHaveLength(1);
    const databases = facts.flatMap(({ database }) => database ?? []);
    expect(databases.length, output).toBeGreaterThanOrEqual(3);
    expect(new Set(databases).size).toBe(databases.length);
    // The files share the servers, and each URL names both of them.
    const hosts = new Set(
      facts.flatMap(({ url }) => (url === undefined ? [] : [new URL(url.replace(/,.*\//, '/')).host])),
    );
    expect(hosts.size).toBe(1);
    expect(output).toMatch(/as tests do/);
    await nothingIsLeft();
  });

  it('leaves nothing when a worker crashes', async () => {
    start(runner, true);
    const [code] = await once(child, 'close');
    expect(code, output).toBe(1);
    expect(
      notes().filter(({ directories }) => directories),
      output,
    ).toHaveLength(2);
    await nothingIsLeft();
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing after %s', async (signal) => {
    start(runner);
    await waitUntil(() => notes().some(({ directories, database }) => directories ?? database), {
      what: 'a test to have servers',
    });
    // As a terminal does: to the whole group. SIGKILL ends every process of it, without a last word.
    process.kill(-(child.pid ?? 0), signal);
    await once(child, 'close');
    await nothingIsLeft();
  });
});
