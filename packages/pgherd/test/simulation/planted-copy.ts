import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlantedBug } from './planted-bugs.ts';

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url));
const TSX = fileURLToPath(import.meta.resolve('tsx'));
/** Words of the simulation's report when a seed fails. */
const FAILURE = /seed (\d+) .*fails: (.*)/;

/** What the simulation said of a copy. */
export interface CopyReport {
  /** The first seed that failed; `undefined` when all were green. */
  readonly failingSeed: number | undefined;
  readonly violation: string | undefined;
  readonly output: string;
}

/** Text of a file below `src` with the bug in it. Throws unless the place is there exactly once. */
export function withBug({ file, find, replace }: PlantedBug): string {
  const text = readFileSync(join(PACKAGE, 'src', file), 'utf8');
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${file} has ${places} places with: ${find}`);
  return text.replace(find, () => replace);
}

/** Runs the simulation in a process of its own on a copy of the sources, with a bug or without. */
export function simulateCopy(bug: PlantedBug | undefined, seeds: number): Promise<CopyReport> {
  return onCopy(bug, (directory) => run(directory, bug?.from ?? 1, seeds));
}

/** What the rule says that this bug must break, on a copy with the bug; empty if it says nothing. `cli` plays the rules of its kind. */
export function playRuleOnCopy(
  bug: PlantedBug & { readonly rule: string },
  cli: 'sharing-cli.ts' | 'addresses-cli.ts',
): Promise<string> {
  return onCopy(bug, async (directory) => {
    const args = ['--import', TSX, join(directory, 'test/simulation', cli), bug.rule, String(bug.seeds)];
    const { code, output } = await outputOf(args, directory);
    if (code !== 0 && !output.includes(`${bug.rule}, seed`))
      throw new Error(`the rule ended with ${code}:\n${output}`);
    return output;
  });
}

async function onCopy<T>(bug: PlantedBug | undefined, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'pgherd-planted-'));
  try {
    for (const folder of ['src', 'test/simulation', 'test/support']) {
      cpSync(join(PACKAGE, folder), join(directory, folder), { recursive: true });
    }
    symlinkSync(NODE_MODULES, join(directory, 'node_modules'));
    writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
    if (bug !== undefined) writeFileSync(join(directory, 'src', bug.file), withBug(bug));
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function run(directory: string, from: number, seeds: number): Promise<CopyReport> {
  const cli = join(directory, 'test/simulation/cli.ts');
  const args = ['--import', TSX, cli, '--from', String(from), '--seeds', String(seeds), '--first-failure'];
  const { code, output } = await outputOf(args, directory);
  const [, seed, violation] = FAILURE.exec(output) ?? [];
  if ((code === 0) !== (seed === undefined)) throw new Error(`the simulation ended with ${code}:\n${output}`);
  return { failingSeed: seed === undefined ? undefined : Number(seed), violation, output };
}

/** Runs Node there, and collects what it prints. */
async function outputOf(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
