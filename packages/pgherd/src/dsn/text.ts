import { InvalidDsnError } from '../model/errors.ts';

/** White space by C's `isspace` in the C locale, which libpq uses for keyword strings. */
const WHITE_SPACE: ReadonlySet<string> = new Set([' ', '\t', '\n', '\v', '\f', '\r']);

/** Whether the character is white space to libpq. */
export function isSpace(character: string | undefined): boolean {
  return character !== undefined && WHITE_SPACE.has(character);
}

/**
 * An integer as libpq's `pqParseIntParam` reads it: 32 bits, white space around it allowed; else `undefined`.
 */
export function parseInteger(text: string): number | undefined {
  const digits = text.replace(/^[ \t\n\v\f\r]+/, '');
  const match = /^([+-]?\d+)([ \t\n\v\f\r]*)/.exec(digits);
  if (match?.[1] === undefined || match[0].length !== digits.length) return undefined;
  const value = Number(match[1]);
  return value >= -2_147_483_648 && value <= 2_147_483_647 ? value + 0 : undefined;
}

/**
 * A value as an error may show it: quoted, or withheld if it is long or may be part of a password. If a
 * password in a URL is not percent-encoded, parts of it are read as other values, most often beside an `@`.
 */
export function shown(value: string): string {
  return /^[\w .+,:/!-]{0,80}$/.test(value) ? `"${value}"` : '(not shown)';
}

/** Refuses what libpq cannot represent: NUL, and halves of surrogate pairs, which have no UTF-8 form. */
export function assertText(text: string, what: string): void {
  if (text.includes('\0'))
    throw new InvalidDsnError(`${what} contains a NUL character, which PostgreSQL does not accept.`);
  if (/\p{Surrogate}/u.test(text)) {
    throw new InvalidDsnError(`${what} contains half of a surrogate pair, which is not valid Unicode.`);
  }
}

/**
 * Undoes percent-encoding as libpq 17 and later do: blanks around the value are dropped, blanks inside are
 * refused. `+` is a plus sign. `place` names the part in the error ("the password"); the value itself is
 * never shown.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for a bad escape, `%00`, a blank, or bytes that are
 * not UTF-8.
 */
export function percentDecode(encoded: string, place: string): string {
  const text = withoutBlanksAround(encoded);
  if (text.includes(' ')) {
    throw new InvalidDsnError(`There is a space in ${place} of the URI. Write it as %20.`);
  }
  if (!text.includes('%')) return text;
  const bytes = decodedBytes(new TextEncoder().encode(text), place);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidDsnError(`The percent-encoded bytes in ${place} of the URI are not UTF-8.`);
  }
}

function decodedBytes(encoded: Uint8Array, place: string): Uint8Array {
  const bytes = new Uint8Array(encoded.length);
  let length = 0;
  for (let index = 0; index < encoded.length; index += 1) {
    let byte = encoded[index] ?? 0;
    if (byte === 0x25) {
      byte = hexPair(encoded[index + 1], encoded[index + 2], place);
      index += 2;
    }
    bytes[length] = byte;
    length += 1;
  }
  return bytes.subarray(0, length);
}

function hexPair(high: number | undefined, low: number | undefined, place: string): number {
  const value = hexDigit(high) * 16 + hexDigit(low);
  if (Number.isNaN(value)) {
    throw new InvalidDsnError(
      `There is a "%" in ${place} of the URI that is not followed by two hexadecimal digits. Write a literal "%" as %25.`,
    );
  }
  if (value === 0)
    throw new InvalidDsnError(
      `There is a %00 in ${place} of the URI. PostgreSQL does not accept NUL characters.`,
    );
  return value;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return Number.NaN;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : Number.NaN;
}

/** Only U+0020, as libpq does. By index: a regular expression anchored at the end is quadratic in blanks. */
function withoutBlanksAround(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start += 1;
  while (end > start && text[end - 1] === ' ') end -= 1;
  return text.slice(start, end);
}
