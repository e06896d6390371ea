import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ran, run } from './run.ts';

/** A project in which the packed package and everything of `matrix/package.json` is installed. */
export interface Project {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export function manifestOf(folder: string): {
  readonly version: string;
  readonly bin?: string | Record<string, string>;
} {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

export function inProject({ folder }: Project, tool: string, file: string): string {
  return join(folder, 'node_modules', tool, file);
}

/** The file that a tool's command runs. */
export function binary(project: Project, tool: string, name = tool): string[] {
  const { bin } = manifestOf(inProject(project, tool, ''));
  const file = typeof bin === 'string' ? bin : bin?.[name];
  if (file === undefined) throw new Error(`${tool} has no command ${name}.`);
  return [inProject(project, tool, file)];
}

export function node({ folder, env }: Project, args: readonly string[]): Promise<Ran> {
  return run(process.execPath, args, folder, env);
}
