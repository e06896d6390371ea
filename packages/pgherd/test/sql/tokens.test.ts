import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokens } from '../../src/sql/tokens.ts';

/** All tokens of a text, words and what is between quotes as they are written. */
function tokensOf(text: string, escapes = false): string[] {
  const tokens = new Tokens(text, escapes);
  const found: string[] = [];
  for (let token = tokens.next(); token !== 'end'; token = tokens.next()) {
    const written = token === 'word' || token === 'name' || token === 'string';
    found.push(written ? `${token} ${tokens.text}` : token);
  }
  return found;
}

/** A text that counts how many characters are looked at. */
class Counted extends String {
  looks = 0;

  override charCodeAt(at: number): number {
    this.looks++;
    return super.charCodeAt(at);
  }

  override indexOf(part: string, from = 0): number {
    const found = super.indexOf(part, from);
    this.looks += (found < 0 ? this.length : found) - Math.min(from, this.length) + part.length;
    return found;
  }

  override startsWith(part: string, at = 0): boolean {
    this.looks += part.length;
    return super.startsWith(part, at);
  }
}

function looksAt(text: string, escapes: boolean): number {
  const counted = new Counted(text);
  tokensOf(counted as unknown as string, escapes);
  return counted.looks;
}

/** Of what hostile texts are made. */
const PIECES = [
  ...'\'"\\/*-$;() \n\reE_a1é',
  '/*',
  '*/',
  '--',
  '$a$',
  '$ab',
  "E'",
  "'\n",
  "'\n--",
  '""',
  "''",
  "\\'",
];

describe('Tokens', () => {
  it('reads as the server does', () => {
    expect(tokensOf('Select a$1, "b""c", $1, 1.5e3 -- x\n from (t);')).toEqual([
      'word Select',
      'word a$1',
      'name b""c',
      'word e3',
      'word from',
      '(',
      'word t',
      ')',
      ';',
    ]);
    expect(tokensOf("E'a\\'b' 'c\\' $x$ ' $y$ $x$ $$ $$")).toEqual([
      "string a\\'b",
      'string c\\',
      "string  ' $y$ ",
      'string  ',
    ]);
    expect(tokensOf("'c\\' ' d", true)).toEqual(["string c\\' ", 'word d']);
  });

  it('gives the text without its comments', () => {
    const tokens = new Tokens("/* a */select/**/'/* b */' -- c\n--d", false);
    while (tokens.next() !== 'end');
    expect(tokens.withoutComments).toBe(" select '/* b */'  \n ");
  });

  it('looks at each character a bounded number of times, whatever the text', () => {
    const piece = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 });
    const texts = fc
      .array(fc.tuple(piece, fc.integer({ min: 1, max: 400 })), { maxLength: 4 })
      .map((parts) => parts.map(([pieces, times]) => pieces.join('').repeat(times)).join(''));
    fc.assert(
      fc.property(texts, fc.boolean(), (text, escapes) => {
        expect(looksAt(text, escapes)).toBeLessThanOrEqual(8 * text.length + 8);
      }),
      { numRuns: 500 },
    );
  });

  it.each(PIECES)('and takes twice as many looks for twice as many of %j', (piece) => {
    for (const before of ['', "'", 'E', '/*', '$a$']) {
      const [once, twice] = [2_000, 4_000].map((count) => looksAt(before + piece.repeat(count), false));
      expect(twice).toBeLessThanOrEqual(2.1 * Number(once) + 20);
    }
  });
});
