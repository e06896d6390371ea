import { ByText } from '../sql/memo.ts';
import { type Token, Tokens } from '../sql/tokens.ts';

/** What telemetry shows of a statement. */
export interface StatementShape {
  /** Operations and their targets, such as `SELECT orders customers`: what the statement has in common with others of its kind. */
  readonly summary: string;
  /**
   * The SQL. If it has no parameters, with `?` in place of strings and numbers and without comments; `undefined` if it can be read in two
   * ways.
   */
  readonly text: string | undefined;
}

/** Longest part of a text that is looked at, and shown. */
const LONGEST_TEXT = 10_000;
/** Longest summary, by the conventions. */
const LONGEST_SUMMARY = 255;

/** Words that begin an operation wherever they stand. */
const OPERATIONS: ReadonlySet<string> = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE']);
/** Before UPDATE, they make it a part of another operation. */
const BEFORE_LOCK: ReadonlySet<string> = new Set(['FOR', 'KEY', 'DO', 'ON']);
/** Their second word says of what kind the object is. */
const TWO_WORDS: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP']);
/** A target follows. */
const BEFORE_TARGET: ReadonlySet<string> = new Set([
  'FROM',
  'JOIN',
  'INTO',
  'UPDATE',
  'USING',
  'TRUNCATE',
  'COPY',
  'CALL',
]);
/** They stand between the word before a target and the target. */
const IN_BETWEEN: ReadonlySet<string> = new Set(['ONLY', 'LATERAL', 'TABLE']);
/** They end a list of targets. */
const AFTER_TARGETS: ReadonlySet<string> = new Set([
  'WHERE',
  'ON',
  'SET',
  'VALUES',
  'GROUP',
  'ORDER',
  'HAVING',
  'WINDOW',
  'LIMIT',
  'OFFSET',
  'FETCH',
  'FOR',
  'UNION',
  'EXCEPT',
  'INTERSECT',
  'RETURNING',
]);

/** A parenthesis after the target of these operations does not make it a function that returns rows. */
const BEFORE_COLUMNS: ReadonlySet<string> = new Set(['INSERT', 'COPY', 'CALL']);
/** What a COPY reads or writes instead of a table. */
const COPY_ENDS: ReadonlySet<string> = new Set(['STDIN', 'STDOUT', 'PROGRAM']);

const NUMBER = /\d[\d_.]*/g;
const PARAMETER = /\$\d/;
/** What stands before the content of a string. */
const OPENING = /(?:[eE]?'|\$[^$]*\$)$/;

const known = new ByText(readShape);

/** What telemetry shows of a statement; cached. */
export function shapeOf(text: string): StatementShape {
  return known.of(text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text);
}

function readShape(text: string): StatementShape {
  const first = new Tokens(text, false);
  while (first.next() !== 'end');
  const summary = summaryOf(first.withoutComments);
  if (first.sawBackslash) return Object.freeze({ summary, text: undefined });
  return Object.freeze({ summary, text: shownText(text, first.withoutComments) });
}

/** The text itself if it has parameters: then its author has kept the values out of it. */
function shownText(text: string, bare: string): string {
  const tokens = new Tokens(bare, false);
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const token = tokens.next();
    const at = bare.length - tokens.rest.length;
    const gap = bare.slice(from, token === 'end' || token.length === 1 ? at : tokens.start);
    if (PARAMETER.test(gap)) return text;
    const isOfNumber = token === 'word' && isDigit(bare.charCodeAt(tokens.start - 1));
    if (token === 'string') parts.push(gap.replace(OPENING, '').replace(NUMBER, '?'), '?');
    else {
      parts.push(gap.replace(NUMBER, '?'));
      if (token === 'word' && !isOfNumber) parts.push(tokens.text);
      if (token === 'name') parts.push(tokens.text, '"');
    }
    if (token === 'end') return parts.join('').trim();
    from = at;
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function summaryOf(text: string): string {
  const reading = new SummaryReading(text);
  let token: Token;
  do token = reading.take();
  while (token !== 'end');
  return reading.summary;
}

/** Reads a text word by word, and notes its operations and their targets in their order. */
class SummaryReading {
  readonly #text: string;
  readonly #tokens: Tokens;
  readonly #parts: string[] = [];
  #length = 0;
  #last = '';
  #words = 0;
  #depth = 0;
  /** Depths at which there is an operation: in `extract(year from x)` there is none. */
  readonly #operating = new Set<number>([0]);
  /** Depths at which targets are listed. */
  readonly #listing = new Set<number>();
  #expectsTarget = false;
  #end = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = new Tokens(text, false);
  }

  get summary(): string {
    return this.#parts.join(' ');
  }

  take(): Token {
    const token = this.#tokens.next();
    switch (token) {
      case 'word':
        this.#word(this.#tokens.text);
        break;
      case 'name':
        if (this.#isTarget(this.#tokens.start - 1)) this.#target(`"${this.#tokens.text}"`);
        break;
      case '(':
        this.#depth++;
        this.#operating.delete(this.#depth);
        this.#listing.delete(this.#depth);
        this.#expectsTarget = false;
        break;
      case ')':
        this.#depth = Math.max(0, this.#depth - 1);
        break;
      case ';':
        this.#words = 0;
        this.#last = '';
        break;
      default:
    }
    this.#end = this.#text.length - this.#tokens.rest.length;
    return token;
  }

  #word(word: string): void {
    const upper = word.toUpperCase();
    const last = this.#last;
    this.#last = upper;
    this.#words++;
    const isOperation = OPERATIONS.has(upper) && !(upper === 'UPDATE' && BEFORE_LOCK.has(last));
    if (isOperation || (this.#words === 1 && upper !== 'WITH')) this.#operation(word);
    else if (this.#words === 2 && TWO_WORDS.has(last)) this.#add(word);
    if (BEFORE_TARGET.has(upper)) {
      const isListed = this.#operating.has(this.#depth) && last !== 'DISTINCT';
      if (isListed && (upper !== 'UPDATE' || isOperation)) this.#expects();
    } else if (AFTER_TARGETS.has(upper)) {
      this.#expectsTarget = false;
      this.#listing.delete(this.#depth);
    } else if (!isOperation && !IN_BETWEEN.has(upper) && this.#isTarget(this.#tokens.start))
      this.#target(word);
  }

  #operation(word: string): void {
    this.#operating.add(this.#depth);
    this.#listing.delete(this.#depth);
    this.#expectsTarget = false;
    this.#add(word);
  }

  #expects(): void {
    this.#expectsTarget = true;
    this.#listing.add(this.#depth);
  }

  /** Whether a name that begins here is a target: it is expected, or follows a comma in a list of targets. */
  #isTarget(start: number): boolean {
    if (this.#expectsTarget) return true;
    return this.#listing.has(this.#depth) && this.#text.slice(this.#end, start).includes(',');
  }

  /** Reads the rest of a qualified name; a function that returns rows is no target. */
  #target(first: string): void {
    this.#expectsTarget = false;
    let name = first;
    let at = this.#text.length - this.#tokens.rest.length;
    while (this.#text[at] === '.') {
      const token = this.#tokens.next();
      if (token !== 'word' && token !== 'name') break;
      name += token === 'name' ? `."${this.#tokens.text}"` : `.${this.#tokens.text}`;
      at = this.#text.length - this.#tokens.rest.length;
    }
    const isFunction = this.#text[at] === '(' && !BEFORE_COLUMNS.has(this.#parts.at(-1)?.toUpperCase() ?? '');
    if (!isFunction && !COPY_ENDS.has(name.toUpperCase())) this.#add(name);
  }

  #add(part: string): void {
    if (this.#length + part.length + 1 > LONGEST_SUMMARY) {
      this.#length = LONGEST_SUMMARY;
      return;
    }
    this.#length += part.length + 1;
    this.#parts.push(part);
  }
}
