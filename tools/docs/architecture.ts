import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../lib/findings.ts';
import { foldersIn } from '../lib/sources.ts';
import { proseLines } from './markdown.ts';

const PAGE = 'ARCHITECTURE.md';
const LAYERED = 'packages/pgherd/src';

interface Row {
  readonly folder: string;
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
  const folders = foldersIn(root, LAYERED);
  const missing = folders
    .filter((folder) => !rows.some((row) => row.folder === folder))
    .map((folder) => ({
      file: PAGE,
      message: `has no row for \`${folder}\` in the table of what each part owns.`,
    }));
  const empty = rows
    .filter(({ owns, doesNotOwn }) => owns === '' || doesNotOwn === '')
    .map(({ folder, line }) => ({
      file: PAGE,
      line,
      message: `leaves open what \`${folder}\` owns or does not own.`,
    }));
  const gone = rows
    .filter(({ folder }) => !folders.includes(folder))
    .map(({ folder, line }) => ({
      file: PAGE,
      line,
      message: `describes \`${folder}\`, which ${LAYERED} lacks.`,
    }));
  return [...missing, ...empty, ...gone];
}

/** The rows whose first cell is a folder in backticks, of each table with both columns; `undefined` without such a table. */
function ownershipRows(text: string): Row[] | undefined {
  const rows: Row[] = [];
  let columns: { owns: number; doesNotOwn: number } | undefined;
  let found = false;
  proseLines(text).forEach((content, index) => {
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
    const folder = /^`([\w-]+)\/?`$/.exec(cells[0] ?? '')?.[1];
    if (columns === undefined || folder === undefined) return;
    const { owns, doesNotOwn } = columns;
    rows.push({ folder, owns: cells[owns] ?? '', doesNotOwn: cells[doesNotOwn] ?? '', line: index + 1 });
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
