import { InvalidDsnError } from '../model/errors.ts';
import type { Entry } from './entries.ts';
import { isSpace } from './text.ts';

/**
 * Reads libpq's `keyword = value` form: blanks around `=` are allowed, a value with blanks is in single
 * quotes, and a backslash makes the next character literal, inside quotes and outside.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN`; the message shows no part of the string.
 */
export function parseKeywords(text: string): Entry[] {
  const entries: Entry[] = [];
  let position = skipSpaces(text, 0);
  while (position < text.length) {
    const name = readName(text, position, entries.length + 1);
    const value = readValue(text, skipSpaces(text, name.end), entries.length + 1);
    entries.push({ name: name.text, value: value.text });
    position = skipSpaces(text, value.end);
  }
  return entries;
}

interface Piece {
  readonly text: string;
  /** Index of the first character after it. */
  readonly end: number;
}

function skipSpaces(text: string, from: number): number {
  let position = from;
  while (isSpace(text[position])) position += 1;
  return position;
}

/** `end` is after the `=`. */
function readName(text: string, from: number, ordinal: number): Piece {
  let position = from;
  while (position < text.length && text[position] !== '=' && !isSpace(text[position])) position += 1;
  const equals = skipSpaces(text, position);
  if (text[equals] !== '=') {
    throw new InvalidDsnError(
      `Parameter number ${ordinal} of the connection string has no "=" after its name. The form is "name=value name=value"; ` +
        'put a value that contains blanks in \'…\'. A URI starts with "postgresql://" or "postgres://".',
    );
  }
  return { text: text.slice(from, position), end: equals + 1 };
}

function readValue(text: string, from: number, ordinal: number): Piece {
  const quoted = text[from] === "'";
  const pieces: string[] = [];
  let position = quoted ? from + 1 : from;
  let start = position;
  for (; position < text.length; position += 1) {
    const character = text[position];
    if (quoted ? character === "'" : isSpace(character)) break;
    if (character === '\\') {
      pieces.push(text.slice(start, position));
      // A backslash at the end is ignored.
      position += 1;
      start = position;
    }
  }
  if (quoted && position >= text.length) {
    throw new InvalidDsnError(
      `The quoted value of parameter number ${ordinal} of the connection string has no closing quote. Write ' inside quotes as \\'.`,
    );
  }
  pieces.push(text.slice(start, position));
  return { text: pieces.join(''), end: quoted ? position + 1 : position };
}

/** Writes a value so that {@link parseKeywords} reads the same value: quoted if necessary. */
export function quoteKeywordValue(value: string): string {
  if (value !== '' && !/[\s'\\]/.test(value)) return value;
  return `'${value.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;
}
