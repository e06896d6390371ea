import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../lib/findings.ts';
import { filesBelow, foldersIn, isDirectory } from '../lib/sources.ts';
import { proseLines } from './markdown.ts';

const PAGE = 'ARCHITECTURE.md';
const LAYERED = 'packages/pgherd/src';

interface Row {
  /** The sources that the section's heading names: `packages/testing/src`. */
  readonly sources: string;
  /** First cell: a folder or a file of the sources, with or without ending. */
  readonly part: string;
  readonly owns: string;
  readonly doesNotOwn: string;
  readonly line: number;
}

/** Every folder of `packages/pgherd/src` says in ARCHITECTURE.md what it owns and what it does not. */
export function checkArchitecture(root: string): Finding[] {
  if (!existsSync(join(root, PAGE))) return [{ file: PAGE, message: 'is missing.' }];
  const rows = ownershipRows(readFileSync(join(root, PAGE), 'utf8'));
  if (rows === undefined) {
    return [{ file: PAGE, message: 'has no table with the columns "Owns" and "Does not own".' }];
  }
  const missing = foldersIn(root, LAYERED)
    .filter((folder) => isThere(root, `${LAYERED}/${folder}`))
    .filter((folder) => !rows.some(({ sources, part }) => sources === LAYERED && part === folder))
    .map((folder) => ({
      file: PAGE,
      message: `has no row for \`${folder}\` in the table of what each part owns.`,
    }));
  const empty = rows
    .filter(({ owns, doesNotOwn }) => owns === '' || doesNotOwn === '')
    .map(({ part, line }) => ({
      file: PAGE,
      line,
      message: `leaves open what \`${part}\` owns or does not own.`,
    }));
  const gone = rows
    .filter(({ sources, part }) => !isThere(root, `${sources}/${part}`))
    .map(({ sources, part, line }) => ({
      file: PAGE,
      line,
      message: `describes \`${part}\`, which ${sources} lacks.`,
    }));
  return [...missing, ...empty, ...gone];
}

/** A folder without a file is not there: git does not keep it, and a clone would not have it. */
function isThere(root: string, path: string): boolean {
  if (isDirectory(join(root, path))) return filesBelow(root, path, ['']).length > 0;
  return ['', '.ts', '.tsx', '.mjs'].some((ending) => existsSync(join(root, path + ending)));
}

/**
 * One row for each part named in backticks in the first cell, of every table that has both columns; `undefined` without such
 * a table. A table belongs to the package that the heading above it names, else to the library.
 */
function ownershipRows(text: string): Row[] | undefined {
  const rows: Row[] = [];
  let sources = LAYERED;
  let columns: { owns: number; doesNotOwn: number } | undefined;
  let found = false;
  proseLines(text).forEach((content, index) => {
    if (content.startsWith('#')) {
      const folder = /packages\/[\w-]+/.exec(content)?.[0];
      sources = folder === undefined ? LAYERED : `${folder}/src`;
    }
    if (!content.trimStart().startsWith('|')) {
      columns = undefined;
      return;
    }
    const cells = cellsOf(content);
    const header = cells.map((cell) => cell.toLowerCase());
    if (header.includes('owns') && header.includes('does not own')) {
      columns = { owns: header.indexOf('owns'), doesNotOwn: header.indexOf('does not own') };
      found = true;
      return;
    }
    if (columns === undefined) return;
    const owned = { owns: cells[columns.owns] ?? '', doesNotOwn: cells[columns.doesNotOwn] ?? '' };
    for (const [, part] of (cells[0] ?? '').matchAll(/`([\w./-]+?)\/?`/g)) {
      if (part !== undefined) rows.push({ sources, part, ...owned, line: index + 1 });
    }
  });
  return found ? rows : undefined;
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}
