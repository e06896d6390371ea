import pgTypes from 'pg-types';
import textParsers from 'pg-types/lib/textParsers.js';
import type { ParseText, TypeParsers } from '../model/statement.ts';

/** Parsers of values by type, for the whole process. */
export interface Types extends TypeParsers {
  /** Sets the parser of a type, in text form, for every cluster of the process that has no `types` of its own. */
  setTypeParser(oid: number, parse: (text: string) => unknown): void;
}

/**
 * The parsers of node-postgres: those of `pg.types` where `pg` is installed, since both have the same version of `pg-types`, and a
 * parser that is set with one is seen by the other.
 * @see https://node-postgres.com/features/types
 */
export const types: Types = pgTypes;

/** What the process begins with, by OID: an application may set others in {@link types}. */
export const ORIGINAL_PARSERS: ReadonlyMap<number, ParseText> = originals();
/** The parser of every type that has none of its own: the text itself. */
export const ORIGINAL_TEXT_PARSER: ParseText = types.getTypeParser(0, 'text');

function originals(): Map<number, ParseText> {
  const parsers = new Map<number, ParseText>();
  textParsers.init((oid, parse) => parsers.set(oid, parse));
  return parsers;
}
