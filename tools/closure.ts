import { dirname, posix } from 'node:path';
import ts from 'typescript';
import type { Finding } from './lib/findings.ts';
import { sourcesBelow } from './lib/sources.ts';

const SRC = 'packages/pgherd/src';

/**
 * Most modules of {@link SRC} that a folder and all that it imports may be together, imports of types included: so many
 * files a reader may have to open to understand one of the folder's.
 */
export const CLOSURE_BUDGETS: Readonly<Record<string, number>> = Object.freeze({ lanes: 57, sql: 10 });

/** Finds folders of which more has to be read than {@link CLOSURE_BUDGETS} allows. */
export function checkClosures(root: string, budgets = CLOSURE_BUDGETS): Finding[] {
  const imports = importsBelow(root);
  return Object.entries(budgets).flatMap(([folder, most]) => {
    const reached = closureOf(folder, imports);
    if (reached.length === 0)
      return [{ file: `${SRC}/${folder}`, message: 'has a budget in tools/closure.ts, but no modules.' }];
    if (reached.length <= most) return [];
    const message = `is read with ${reached.length} modules, the limit is ${most}: let it see small interfaces of its own instead of ${foreign(folder, reached)}.`;
    return [{ file: `${SRC}/${folder}`, message }];
  });
}

/** Each module with those that it imports, relative imports only. */
function importsBelow(root: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    sourcesBelow(root, SRC).map(({ file, tree }) => {
      const imported = ts
        .preProcessFile(tree.text, true, true)
        .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => posix.join(dirname(file), fileName));
      return [file, imported];
    }),
  );
}

/** The modules of a folder and all that they reach, sorted. */
export function closureOf(folder: string, imports: ReadonlyMap<string, readonly string[]>): string[] {
  const reached = new Set([...imports.keys()].filter((file) => file.startsWith(`${SRC}/${folder}/`)));
  // What is added while it runs is visited as well.
  for (const file of reached)
    for (const next of imports.get(file) ?? []) if (imports.has(next)) reached.add(next);
  return [...reached].sort();
}

/** The folders that most of the modules are from, with their numbers. */
function foreign(folder: string, reached: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const file of reached) {
    const [from = ''] = file.slice(SRC.length + 1).split('/');
    if (from !== folder) counts.set(from, (counts.get(from) ?? 0) + 1);
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  return most.map(([name, count]) => `${name} (${count})`).join(', ');
}
