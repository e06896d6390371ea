import type { Paint, Tone } from './paint.ts';
import { printable } from './printable.ts';
import { cutTo, widthOf } from './width.ts';

/** A piece of a line; every text is escaped before it is painted. */
export type Span = string | { readonly tone: Tone | 'strong'; readonly text: string };

/** One line of a terminal, in pieces. */
export type Line = readonly Span[];

/** Columns that a piece takes. */
export function spanWidth(span: Span): number {
  return widthOf(typeof span === 'string' ? span : span.text);
}

/** Columns that a line takes. */
export function lineWidth(line: Line): number {
  return line.reduce((sum, span) => sum + spanWidth(span), 0);
}

/** A line in at most so many columns; it ends in an ellipsis if something is left out. Pure. */
export function cutLine(line: Line, columns: number): Line {
  if (lineWidth(line) <= columns) return line;
  const kept: Span[] = [];
  let room = columns;
  for (const span of line) {
    const width = spanWidth(span);
    if (width < room) {
      kept.push(span);
      room -= width;
      continue;
    }
    // One character more, so that it is cut where something else follows.
    const text = cutTo(`${typeof span === 'string' ? span : span.text}.`, room);
    if (text !== '') kept.push(typeof span === 'string' ? text : { ...span, text });
    break;
  }
  return kept;
}

/** A line with one part at each end of so many columns; the right one is left out if both do not fit. Pure. */
export function spreadLine(left: Line, right: Line, columns: number): Line {
  const blanks = columns - lineWidth(left) - lineWidth(right);
  return blanks < 1 ? cutLine(left, columns) : [...left, ' '.repeat(blanks), ...right];
}

/** A line broken between words so that no part is wider than the columns, as far as its words allow; each part begins with the indent. Pure. */
export function wrapLine(line: Line, columns: number, indent: string): readonly Line[] {
  const lines: Span[][] = [];
  let width = 0;
  for (const word of wordsOf(line)) {
    const wordWidth = lineWidth(word);
    if (lines.length === 0 || width + 1 + wordWidth > columns) {
      lines.push([indent, ...word]);
      width = widthOf(indent) + wordWidth;
    } else {
      lines.at(-1)?.push(' ', ...word);
      width += 1 + wordWidth;
    }
  }
  return lines;
}

/** What stands between blanks; a word may have several tones. */
function wordsOf(line: Line): readonly Line[] {
  const words: Span[][] = [];
  let isOpen = false;
  for (const span of line) {
    for (const part of (typeof span === 'string' ? span : span.text).match(/ +|[^ ]+/g) ?? []) {
      const piece = typeof span === 'string' ? part : { ...span, text: part };
      if (part.startsWith(' ')) isOpen = false;
      else if (isOpen) words.at(-1)?.push(piece);
      else {
        words.push([piece]);
        isOpen = true;
      }
    }
  }
  return words;
}

/** The text of a line: escaped, then painted. */
export function lineText(line: Line, paint: Paint): string {
  return line
    .map((span) => painted(span, paint))
    .join('')
    .trimEnd();
}

function painted(span: Span, paint: Paint): string {
  const text = printable(typeof span === 'string' ? span : span.text);
  return typeof span === 'string' || text === '' ? text : paint(span.tone, text);
}
