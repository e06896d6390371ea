import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../lib/findings.ts';
import { proseLines, scriptsNamed } from './markdown.ts';

/** Pages on which every figure is a measurement that can be made again. */
const MEASURED = ['docs/performance.md'];
/** How the scripts that measure begin. */
const MAKER = 'bench:';

/** A table or a picture, by the line on which it begins, and the text in which its command may stand. */
interface Figure {
  readonly line: number;
  readonly around: string;
}

/**
 * Finds tables of numbers and pictures that do not say which command makes them: in themselves, in the text
 * between their heading and them, or in the paragraph behind.
 */
export function checkFigures(root: string): Finding[] {
  return MEASURED.filter((file) => existsSync(join(root, file))).flatMap((file) =>
    figuresIn(readFileSync(join(root, file), 'utf8'))
      .filter(({ around }) => !scriptsNamed(around).some((name) => name.startsWith(MAKER)))
      .map(({ line }) => ({
        file,
        line,
        message:
          'is a figure without the command that makes it: name an `npm run bench:…` above or below it.',
      })),
  );
}

/** The figures of a page. */
function figuresIn(text: string): Figure[] {
  const prose = proseLines(text);
  const whole = text.split('\n');
  return prose.flatMap((_line, index) => {
    if (!beginsFigure(prose, index)) return [];
    const heading = prose.findLastIndex((line, at) => at < index && /^#/.test(line));
    const around = whole.slice(Math.max(0, heading), endOfNext(prose, index)).join('\n');
    return [{ line: index + 1, around }];
  });
}

function beginsFigure(prose: readonly string[], index: number): boolean {
  const line = prose[index] ?? '';
  if (/^!\[/.test(line)) return true;
  if (!line.startsWith('|') || prose[index - 1]?.startsWith('|')) return false;
  return prose.slice(index + 2, endOfBlock(prose, index)).some((row) => /\|[^|`]*\d[^|`]*\|?$/.test(row));
}

/** Behind the block that begins here, the pictures that follow it, and the paragraph behind them. */
function endOfNext(prose: readonly string[], index: number): number {
  const next = endOfBlock(prose, index) + 1;
  const line = prose[next] ?? '';
  if (line.startsWith('![')) return endOfNext(prose, next);
  return /^[#|]/.test(line) ? next : endOfBlock(prose, next);
}

function endOfBlock(prose: readonly string[], index: number): number {
  const blank = prose.findIndex((line, at) => at >= index && line.trim() === '');
  return blank === -1 ? prose.length : blank;
}
