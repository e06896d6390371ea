import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Written by `npm run start:functions`. */
export const START_FUNCTIONS = 'tools/start-functions.json';

/** By source file, the functions that run before a program has its first row. */
export function startFunctions(root: string): ReadonlyMap<string, ReadonlySet<string>> {
  const path = join(root, START_FUNCTIONS);
  if (!existsSync(path)) return new Map();
  const listed = JSON.parse(readFileSync(path, 'utf8')) as Record<string, readonly string[]>;
  return new Map(Object.entries(listed).map(([file, names]) => [file, new Set(names)]));
}
