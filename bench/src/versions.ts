import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The installed versions of packages, such as `pg 8.23.1`. */
export function versionsOf(...packages: readonly string[]): string {
  return packages.map((name) => `${name} ${versionOf(name)}`).join(', ');
}

function versionOf(name: string): string {
  const entry = path.dirname(fileURLToPath(import.meta.resolve(name)));
  for (let folder = entry; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const found = manifestIn(folder);
    if (found?.name === name) return found.version ?? 'unknown';
  }
  return 'unknown';
}

function manifestIn(folder: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name?: string };
  } catch {
    return undefined;
  }
}
