import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Break } from './breaks.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TESTS = 'integration/test/dashboard/page.test.ts';
const REPORT = 'report.json';
/** How the tests say how long the page may take, and how long it may in a copy: what is broken is waited for in vain. */
const PATIENCE = 'timeout: PATIENCE_MS';
const COPY_PATIENCE = 'timeout: 15_000';

/** How one test ended. */
export interface TestEnd {
  readonly name: string;
  readonly hasPassed: boolean;
  /** The first line of why it failed. */
  readonly why: string;
}

/** The file below `packages/dashboard/src` with the break in it. @throws Error unless its place is there exactly once. */
export function withBreak({ file, find, replace }: Break): string {
  const text = readFileSync(join(ROOT, 'packages/dashboard/src', file), 'utf8');
  return replaced(text, file, find, replace);
}

/** A copy of the workspaces, in which the dashboard can be broken. */
export class Copy implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'pgherd-breaks-'));

  constructor() {
    const isSource = (path: string) => !/\/(node_modules|dist|patroni)$/.test(path);
    for (const folder of ['packages', 'integration', 'tools'])
      cpSync(join(ROOT, folder), join(this.#directory, folder), { recursive: true, filter: isSource });
    for (const file of ['vitest.config.ts', 'package.json', 'tsconfig.base.json'])
      cpSync(join(ROOT, file), join(this.#directory, file));
    linkModules(join(ROOT, 'node_modules'), join(this.#directory, 'node_modules'));
    const tests = join(this.#directory, TESTS);
    writeFileSync(tests, replaced(readFileSync(tests, 'utf8'), TESTS, PATIENCE, COPY_PATIENCE));
  }

  /** How the tests end whose names match, on the dashboard with the break, or as it is. @throws Error if they did not run. */
  async tested(broken: Break | undefined, names = ''): Promise<readonly TestEnd[]> {
    const file = broken && join(this.#directory, 'packages/dashboard/src', broken.file);
    const sound = file === undefined ? '' : readFileSync(file, 'utf8');
    if (file !== undefined) writeFileSync(file, withBreak(broken as Break));
    try {
      return await this.#run(names);
    } finally {
      if (file !== undefined) writeFileSync(file, sound);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #run(names: string): Promise<readonly TestEnd[]> {
    const report = join(this.#directory, REPORT);
    rmSync(report, { force: true });
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', TESTS, '-t', escaped(names), '--reporter=json', `--outputFile=${report}`];
    const child = spawn(process.execPath, args, {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    await once(child, 'close');
    const ends = endsIn(report);
    if (ends.length === 0) throw new Error(`No test has run:\n${output}`);
    return ends;
  }
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

/** A test that was skipped, as after a `beforeAll` that failed, has not run. */
function endsIn(report: string): readonly TestEnd[] {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed' || status === 'failed')
    .map(({ fullName, status, failureMessages }) => ({
      name: fullName,
      hasPassed: status === 'passed',
      why: failureMessages?.[0]?.split('\n', 1)[0] ?? '',
    }));
}

/** The modules of the workspaces are those of the copy, all others the same. */
function linkModules(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (lstatSync(path).isSymbolicLink()) symlinkSync(readlinkSync(path), join(to, name));
    else if (name === '@pgherd') linkModules(path, join(to, name));
    else symlinkSync(path, join(to, name));
  }
}

function replaced(text: string, file: string, find: string, replace: string): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${file} has ${places} places with: ${find}`);
  return text.replace(find, () => replace);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
