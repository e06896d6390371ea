import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';

const SKIPPED = new Set(['node_modules', 'dist', 'coverage', 'temp', '.git', '.cache']);

/** A parsed source file and its path from the root, with `/`. */
export interface Source {
  readonly file: string;
  readonly tree: ts.SourceFile;
}

/** Whether `path` is an existing directory. */
export function isDirectory(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** Files below `folder` whose name ends in one of `endings`, sorted, as paths from `root` with `/`. */
export function filesBelow(root: string, folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) visit(path);
      else if (entry.isFile() && endings.some((ending) => entry.name.endsWith(ending))) {
        found.push(relative(root, path).split(sep).join('/'));
      }
    }
  };
  if (isDirectory(join(root, folder))) visit(join(root, folder));
  return found.sort();
}

/** Names of the directories directly in `folder`, sorted; none when it does not exist. */
export function foldersIn(root: string, folder: string): string[] {
  const path = join(root, folder);
  if (!isDirectory(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** Parses one TypeScript file; parents are set so that a node can be asked where it stands. */
export function parseSource(root: string, file: string): Source {
  const text = readFileSync(join(root, file), 'utf8');
  const kind = file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  return { file, tree: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, kind) };
}

/** The TypeScript files below `folder`, parsed. */
export function sourcesBelow(root: string, folder: string): Source[] {
  return filesBelow(root, folder, ['.ts', '.tsx']).map((file) => parseSource(root, file));
}

/** Line, from 1, on which the node's first token stands. */
export function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1;
}

/** Calls `see` for the node and everything below it. */
export function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => walk(child, see));
}
