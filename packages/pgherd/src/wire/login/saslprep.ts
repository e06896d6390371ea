/** RFC 3454, table C.1.2: spaces other than the ASCII one. */
const OTHER_SPACES: readonly Range[] = [
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200b],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];
/** Table B.1: commonly mapped to nothing. */
const NOTHING: readonly Range[] = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x1806, 0x1806],
  [0x180b, 0x180d],
  [0x200c, 0x200d],
  [0x2060, 0x2060],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
];
/**
 * Tables C.2.1 to C.9: controls, private use, non-characters, surrogates, inappropriate for plain text or for a canonical form,
 * changes of display, tags.
 */
const PROHIBITED: readonly Range[] = [
  [0x0, 0x1f],
  [0x7f, 0x9f],
  [0x340, 0x341],
  [0x6dd, 0x6dd],
  [0x70f, 0x70f],
  [0x180e, 0x180e],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2061, 0x2063],
  [0x206a, 0x206f],
  [0x2ff0, 0x2ffb],
  [0xd800, 0xf8ff],
  [0xfdd0, 0xfdef],
  [0xfff9, 0xffff],
  [0x1d173, 0x1d17a],
  [0xe0001, 0xe0001],
  [0xe0020, 0xe007f],
  [0xf0000, 0x10ffff],
];
/** The last two code points of each plane are no characters. */
const NON_CHARACTER = 0xfffe;

type Range = readonly [first: number, last: number];

/**
 * Prepares a password for SCRAM as libpq's `pg_saslprep` does (RFC 4013): a password that SASLprep prohibits is used as it is. Of its
 * prohibitions, unassigned code points and mixed directions are not looked at: such a password is read as libpq reads it unless NFKC
 * changes it as well.
 */
export function saslprep(password: string): string {
  let mapped = '';
  for (const character of password) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80 || !contains(NOTHING, point)) mapped += contains(OTHER_SPACES, point) ? ' ' : character;
  }
  const prepared = mapped.normalize('NFKC');
  return prepared === '' || isProhibited(prepared) ? password : prepared;
}

function isProhibited(text: string): boolean {
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (contains(PROHIBITED, point) || (point & NON_CHARACTER) === NON_CHARACTER) return true;
  }
  return false;
}

function contains(ranges: readonly Range[], point: number): boolean {
  return ranges.some(([first, last]) => point >= first && point <= last);
}
