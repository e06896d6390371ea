import ts from 'typescript';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { foldersIn, lineOf, type Source, sourcesBelow, walk } from './lib/sources.ts';

/** Longest file and function, in lines as they stand in the editor. */
export const LIMITS = { fileLines: 400, functionLines: 70 };

/** Finds files and functions of every `packages/<name>/src` and `tools` that are too long to be read at one go. */
export function checkSize(root: string): Finding[] {
  const folders = foldersIn(root, 'packages').map((name) => `packages/${name}/src`);
  return [...folders, 'tools']
    .flatMap((folder) => sourcesBelow(root, folder))
    .filter(({ file }) => !file.endsWith('.test.ts'))
    .flatMap((source) => [...longFile(source), ...longFunctions(source)]);
}

function longFile({ file, tree }: Source): Finding[] {
  const lines = tree.text.trimEnd().split('\n').length;
  if (lines <= LIMITS.fileLines) return [];
  return [{ file, message: `has ${lines} lines, the limit is ${LIMITS.fileLines}: it holds two things.` }];
}

function longFunctions(source: Source): Finding[] {
  const found: Finding[] = [];
  walk(source.tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node)) return;
    const first = lineOf(source, node);
    const lines = source.tree.getLineAndCharacterOfPosition(node.end).line + 2 - first;
    if (lines <= LIMITS.functionLines) return;
    const name = node.name === undefined ? 'this function' : node.name.getText(source.tree);
    const message = `${name} has ${lines} lines, the limit is ${LIMITS.functionLines}: branch here, do the work in leaves.`;
    found.push({ file: source.file, line: first, message });
  });
  return found;
}

if (isMain(import.meta.url)) await runAsCommand({ size: checkSize });
