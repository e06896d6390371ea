/**
 * A stranger's words: what a server, the network, a name server, a discovery or the environment sent. They enter a
 * message, an event or a log line through the functions of this file only, so that they can neither look like
 * another line, nor command a terminal, nor fill a disk.
 */

/** Longest part of a stranger's text that is shown, characters. */
const SHOWN = 500;
/** Longest part of a value that is shown in quotes, characters. */
const QUOTED = 80;

/**
 * What is escaped: control characters; format characters, of which some change the direction of the text; line and
 * paragraph separators; halves of surrogate pairs.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A stranger's text, for use inside a sentence: on one line, escaped, and cut. */
export function foreign(text: string): string {
  return escaped(cut(text, SHOWN));
}

/** A stranger's value as an error may show it: a text in quotes, anything else by its kind. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return cut(escaped(JSON.stringify(cut(value, QUOTED))), 2 * QUOTED);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'function' ? 'a function' : escaped(cut(String(value), QUOTED));
}

/** A text of ours that may hold a stranger's words: all but its line breaks is escaped, and nothing is cut. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\n' ? character : escapeOf(character)));
}

function escaped(text: string): string {
  return text.replace(UNPRINTABLE, escapeOf);
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return NAMED[character] ?? (code < 0x1_00 ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  // Not between the halves of a pair.
  const last = text.charCodeAt(most - 1);
  const end = last >= 0xd8_00 && last < 0xdc_00 ? most - 1 : most;
  return `${text.slice(0, end)}… (${text.length} characters)`;
}
