import { foreign } from './foreign.ts';

/** Characters of a line that are shown on either side of the place. */
const AROUND = 60;

/**
 * The line of an SQL text that holds a place, and below it a caret that points there; on one line each, escaped and cut.
 * `undefined` for a place that is not in the text.
 *
 * @param position counted in characters from 1, as the server counts.
 */
export function excerptAt(text: string, position: number): string | undefined {
  const characters = [...text];
  if (!Number.isInteger(position) || position < 1 || position > characters.length + 1) return undefined;
  const before = characters.slice(0, position - 1);
  const lineStart = before.lastIndexOf('\n') + 1;
  const lineEnd = characters.indexOf('\n', position - 1);
  const line = characters.slice(lineStart, lineEnd === -1 ? undefined : lineEnd);
  const at = position - 1 - lineStart;
  const from = Math.max(0, at - AROUND);
  const lead = `${from > 0 ? '…' : ''}${shown(line.slice(from, at))}`;
  const rest = `${shown(line.slice(at, at + AROUND))}${at + AROUND < line.length ? '…' : ''}`;
  const number = before.filter((one) => one === '\n').length + 1;
  const label = `LINE ${number}: `;
  return `${label}${lead}${rest}\n${' '.repeat(label.length + [...lead].length)}^`;
}

/** A tabulator is as wide as a blank here: the caret must stand below its place. */
function shown(characters: readonly string[]): string {
  return foreign(characters.join('').replaceAll('\t', ' '));
}
