/** Kind of a token of SQL. Comments, white space, numbers and operators are skipped. */
export type Token = 'word' | 'name' | 'string' | ';' | '(' | ')' | 'end';

const TAB = 9;
const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;
const QUOTE = 39;
const OPEN = 40;
const CLOSE = 41;
const STAR = 42;
const MINUS = 45;
const SLASH = 47;
const ZERO = 48;
const NINE = 57;
const SEMICOLON = 59;
const BACKSLASH = 92;
const UNDERSCORE = 95;
const LOWER_A = 97;
const LOWER_E = 101;
const LOWER_Z = 122;
const LAST_OF_ASCII = 127;
/** The bit that distinguishes lower case from upper case in ASCII. */
const CASE = 32;

/**
 * Reads SQL from beginning to end as the server's lexer does, each character a bounded number of times.
 *
 * Where a plain string ends depends on the server's `standard_conforming_strings`: with `escapes`, a
 * backslash in a plain string escapes the next character, as it does if that setting is off.
 */
export class Tokens {
  readonly #text: string;
  readonly #escapes: boolean;
  readonly #comments: { readonly start: number; readonly end: number }[] = [];
  #at = 0;
  /** The next backslash, or the end of the text: each part of the text is searched for one once. */
  #backslash = -1;
  /** Where the token begins and ends; for a name or a string, the raw characters between its quotes. */
  start = 0;
  end = 0;
  /** Whether a plain string contains a backslash, so that `standard_conforming_strings` may matter. */
  sawBackslash = false;
  /** Whether the text ends within a string, a name or a comment; the server refuses such a text. */
  isOpen = false;

  constructor(text: string, escapes: boolean) {
    this.#text = text;
    this.#escapes = escapes;
  }

  /** The token as it is written. */
  get text(): string {
    return this.#text.slice(this.start, this.end);
  }

  /** The part of the text that was not read. */
  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** The part of the text that was read, with a space in place of each comment. */
  get withoutComments(): string {
    const parts: string[] = [];
    let from = 0;
    for (const { start, end } of this.#comments) {
      parts.push(this.#text.slice(from, start));
      from = end;
    }
    parts.push(this.#text.slice(from, this.#at));
    return parts.join(' ');
  }

  /** Moves to the next token. */
  next(): Token {
    const text = this.#text;
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at);
      if (isWordStart(code)) {
        if (!this.#word(code)) return 'word';
        return this.#string(true);
      }
      switch (code) {
        case QUOTE:
          return this.#string(false);
        case DOUBLE_QUOTE:
          return this.#name();
        case SEMICOLON:
          return this.#symbol(';');
        case OPEN:
          return this.#symbol('(');
        case CLOSE:
          return this.#symbol(')');
        case DOLLAR:
          if (this.#dollarString()) return 'string';
          break;
        case MINUS:
          if (text.charCodeAt(this.#at + 1) === MINUS) this.#comment(endOfLine(text, this.#at));
          else this.#at++;
          break;
        case SLASH:
          if (text.charCodeAt(this.#at + 1) === STAR) this.#comment(this.#endOfBlock());
          else this.#at++;
          break;
        default:
          this.#at++;
      }
    }
    return 'end';
  }

  #symbol(token: Token): Token {
    this.#at++;
    return token;
  }

  /** Reads a word; returns whether it is the `E` before a string instead. */
  #word(first: number): boolean {
    const text = this.#text;
    this.start = this.#at;
    let at = this.#at + 1;
    while (at < text.length && isWordPart(text.charCodeAt(at))) at++;
    this.end = at;
    this.#at = at;
    return (first | CASE) === LOWER_E && at === this.start + 1 && text.charCodeAt(at) === QUOTE;
  }

  #name(): Token {
    this.#quoted('"', this.#at + 1);
    return 'name';
  }

  #string(escapes: boolean): Token {
    const start = this.#at + 1;
    if (escapes || this.#escapes) this.#escaped(start);
    else this.#quoted("'", start);
    if (!escapes) this.#lookForBackslash();
    return 'string';
  }

  #lookForBackslash(): void {
    if (this.#backslash < this.start) this.#backslash = indexOfOr(this.#text, '\\', this.start);
    this.sawBackslash ||= this.#backslash < this.end;
  }

  /** To the next quote that is not doubled. */
  #quoted(quote: string, start: number): void {
    const text = this.#text;
    let at = text.indexOf(quote, start);
    while (at >= 0 && text.startsWith(quote, at + 1)) at = text.indexOf(quote, at + 2);
    this.#ends(start, at, 1);
  }

  /** To the next quote that is neither doubled nor escaped; the string may continue after a line break. */
  #escaped(start: number): void {
    const text = this.#text;
    let at = start;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === BACKSLASH) at += 2;
      else if (code !== QUOTE) at++;
      else if (text.charCodeAt(at + 1) === QUOTE) at += 2;
      else {
        const further = continued(text, at + 1);
        if (further < 0) {
          this.#ends(start, at, 1);
          return;
        }
        at = further;
      }
    }
    this.#ends(start, -1, 1);
  }

  /** Reads `$tag$ … $tag$`; otherwise skips the dollar. */
  #dollarString(): boolean {
    const text = this.#text;
    const begin = this.#at;
    let at = begin + 1;
    if (at < text.length && isWordStart(text.charCodeAt(at))) {
      while (at < text.length && isTagPart(text.charCodeAt(at))) at++;
    }
    if (text.charCodeAt(at) !== DOLLAR) {
      this.#at = begin + 1;
      return false;
    }
    const tag = text.slice(begin, at + 1);
    this.#ends(at + 1, text.indexOf(tag, at + 1), tag.length);
    return true;
  }

  #ends(start: number, end: number, quote: number): void {
    this.start = start;
    this.isOpen ||= end < 0;
    this.end = end < 0 ? this.#text.length : end;
    this.#at = this.end + quote;
  }

  #comment(end: number): void {
    this.#comments.push({ start: this.#at, end });
    this.#at = end;
  }

  /** Block comments nest in PostgreSQL. */
  #endOfBlock(): number {
    const text = this.#text;
    let at = this.#at + 2;
    let depth = 1;
    while (depth > 0 && at < text.length) {
      const code = text.charCodeAt(at);
      const next = text.charCodeAt(at + 1);
      if (code === SLASH && next === STAR) depth++;
      else if (code === STAR && next === SLASH) depth--;
      else {
        at++;
        continue;
      }
      at += 2;
    }
    this.isOpen ||= depth > 0;
    return at;
  }
}

function indexOfOr(text: string, part: string, from: number): number {
  const at = text.indexOf(part, from);
  return at < 0 ? text.length : at;
}

/** Index of the line break that ends a comment, or of the end of the text. */
function endOfLine(text: string, from: number): number {
  let at = from;
  while (at < text.length && !isLineBreak(text.charCodeAt(at))) at++;
  return at;
}

/** Where a string whose first part ended before `from` continues after a line break; -1 if it does not. */
function continued(text: string, from: number): number {
  let at = from;
  let broken = false;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return broken ? at + 1 : -1;
    if (code === MINUS && text.charCodeAt(at + 1) === MINUS) at = endOfLine(text, at);
    else if (isSpace(code)) {
      broken ||= isLineBreak(code);
      at++;
    } else return -1;
  }
}

function isLineBreak(code: number): boolean {
  return code === NEWLINE || code === RETURN;
}

function isSpace(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= RETURN);
}

function isWordStart(code: number): boolean {
  const lower = code | CASE;
  return (lower >= LOWER_A && lower <= LOWER_Z) || code === UNDERSCORE || code > LAST_OF_ASCII;
}

function isTagPart(code: number): boolean {
  return isWordStart(code) || (code >= ZERO && code <= NINE);
}

function isWordPart(code: number): boolean {
  return isTagPart(code) || code === DOLLAR;
}
