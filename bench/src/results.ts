import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { toJson } from './arguments.ts';

/** What a benchmark found, and how: the file that `--json FILE` writes and the charts are made of. */
export interface Results<R> {
  /** The command that made it. */
  readonly command: string;
  readonly node: string;
  readonly cores: number;
  /** Of each client that says so, in its own words. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly R[];
}

/** Writes the results of `script`, which was called with the arguments of this process. */
export async function writeResults(
  file: string,
  script: string,
  rows: readonly unknown[],
  versions: Readonly<Record<string, string>> = {},
): Promise<void> {
  const args = process.argv.slice(2).map((word) => (/[\s"'$]/.test(word) ? JSON.stringify(word) : word));
  const command = `npm run ${script}${args.length === 0 ? '' : ` -- ${args.join(' ')}`}`;
  const cores = availableParallelism();
  const results: Results<unknown> = { command, node: process.versions.node, cores, versions, rows };
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, toJson(results));
}

/** Reads what {@link writeResults} wrote. */
export async function readResults<R>(file: string): Promise<Results<R>> {
  return JSON.parse(await readFile(file, 'utf8')) as Results<R>;
}
