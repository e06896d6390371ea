import type { PgCallback, PgInside, PgResult } from './pg-inside.ts';
import { guardFields, type PgQueryClass, type PgQueryObject, unreadable } from './pg-task.ts';

/** How a statement ended. */
export interface Answer {
  /** What the server, or `pg`, said against it. */
  readonly error: unknown;
  readonly result: PgResult | PgResult[];
  /** What a type parser said of one of its rows; the server knows nothing of it. */
  readonly unread: Error | undefined;
}

/** In place of rows that nobody sees any more. */
const UNSEEN = Object.freeze({});

/**
 * Hands a statement to `pg`. The error of a type parser does not stand in for what the server says at the end, as it would in
 * `pg` alone: who reads the answer must know which of them it was.
 */
export function submitReading(inside: PgInside, config: object, done: (answer: Answer) => void): void {
  let unread: Error | undefined;
  const callback: PgCallback = (error, result) => done({ error, result, unread });
  const { Query } = inside.constructor as unknown as { readonly Query: PgQueryClass };
  const query: PgQueryObject = new Query(config, undefined, callback);
  const rows = query._result;
  const { parseRow } = rows;
  rows.parseRow = (fields) => {
    if (unread !== undefined) return UNSEEN;
    try {
      return parseRow.call(rows, fields);
    } catch (cause) {
      unread = unreadable(cause);
      return UNSEEN;
    }
  };
  guardFields(rows, (cause) => {
    unread ??= unreadable(cause);
  });
  inside.query(query, callback);
}
