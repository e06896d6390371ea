import stringWidth from 'string-width';
import { printable } from './printable.ts';

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' });
const CUT = '…';

/** Columns that a text takes on a terminal, once it is escaped: characters of some scripts take two, combining marks none. */
export function widthOf(text: string): number {
  return stringWidth(printable(text));
}

/** The text, escaped, in at most so many columns; where something is left out, it ends in an ellipsis. */
export function cutTo(text: string, columns: number): string {
  const shown = printable(text);
  if (stringWidth(shown) <= columns) return shown;
  if (columns <= 0) return '';
  let kept = '';
  let width = CUT.length;
  for (const { segment } of GRAPHEMES.segment(shown)) {
    width += stringWidth(segment);
    if (width > columns) break;
    kept += segment;
  }
  return `${kept}${CUT}`;
}
