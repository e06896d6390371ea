import { messageOf } from '../model/errors.ts';
import { type Finding, primaryBecause } from './finding.ts';
import { readTree } from './read-tree.ts';

/** PostgreSQL's parser: the parse tree of a text as an object. Throws for a text that is no SQL. */
export type Parse = (text: string) => unknown;

/** A longer text is not parsed, characters: that takes time and memory in proportion. */
const LONGEST_TEXT = 20_000;
/** Deeper nesting is not parsed: the parser's stack is small, and what exhausts it may break it. */
const DEEPEST = 200;
/** What a parser in order makes of this text is known. */
const TEST_TEXT = 'select 1';

/** Reads texts by a parser that is not trusted: whatever it throws or returns, the text is for the primary. */
export class TextReader {
  readonly #parse: Parse;
  #isBroken = false;

  /** @throws Error if the parser is none that can be read. */
  constructor(parse: Parse) {
    this.#parse = parse;
    if (!this.#works()) throw new Error(`it does not parse ${TEST_TEXT} as expected`);
  }

  read(text: string): Finding {
    if (this.#isBroken) return primaryBecause('the parser has failed, and is not used any more');
    const why = unfit(text);
    if (why !== undefined) return primaryBecause(why);
    let tree: unknown;
    try {
      tree = this.#parse(text);
    } catch (error) {
      // A parser that ran out of its stack or memory may be of no use from then on.
      this.#isBroken = !this.#works();
      return primaryBecause(`the parser does not accept it: ${messageOf(error)}`);
    }
    return readTree(tree);
  }

  #works(): boolean {
    try {
      return readTree(this.#parse(TEST_TEXT)).kind === 'read';
    } catch {
      return false;
    }
  }
}

/** Why a text is not even parsed. */
function unfit(text: string): string | undefined {
  if (text.trim() === '') return 'there is no statement in it';
  if (text.length > LONGEST_TEXT) return `it has more than ${LONGEST_TEXT} characters`;
  if (text.includes('\0')) return 'it has a NUL';
  // The server reads it in another way if standard_conforming_strings is off.
  if (text.includes("\\'")) return 'it has a backslash before a quote, which may be read in two ways';
  return isDeep(text) ? `it nests more than ${DEEPEST} levels deep` : undefined;
}

/** An upper bound: brackets in strings count as well. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN || code === OPEN_SQUARE) {
      if (++depth > DEEPEST) return true;
    } else if ((code === CLOSE || code === CLOSE_SQUARE) && depth > 0) depth--;
  }
  return false;
}

const OPEN = '('.charCodeAt(0);
const CLOSE = ')'.charCodeAt(0);
const OPEN_SQUARE = '['.charCodeAt(0);
const CLOSE_SQUARE = ']'.charCodeAt(0);
