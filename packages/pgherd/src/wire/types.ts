import pgTypes from 'pg-types';
import type { TypeParsers } from '../model/statement.ts';

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
