import type { Statement } from '../../model/statement.ts';
import { unreadable } from '../../wire/failures.ts';
import type { PgCallback, PgInside, PgResult } from './inside.ts';
import { guardFields, type PgQueryClass, type PgQueryObject } from './task.ts';

/** How a statement ended. */
export interface Answer {
  /** What the server, or `pg`, said against it. */
  readonly error: unknown;
  readonly result: PgResult | PgResult[];
  /** What a type parser said of one of its rows; the server knows nothing of it. */
  readonly unread: Error | undefined;
}

/** In place of the rows behind one that could not be read. */
const UNSEEN = Object.freeze({});

/**
 * Hands a statement to `pg`. The error of a type parser does not replace that of the server, as it would in
 * `pg` alone: the caller must be able to distinguish them.
 */
export function submitReading(
  inside: PgInside,
  work: Statement | string,
  done: (answer: Answer) => void,
): void {
  let unread: Error | undefined;
  const callback: PgCallback = (error, result) => done({ error, result, unread });
  const { Query } = inside.constructor as unknown as { readonly Query: PgQueryClass };
  const query =
    typeof work === 'string' ? new Query(work, undefined, callback) : toQuery(Query, work, callback);
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

/**
 * `pg` copies the properties of a configuration one by one with their descriptors, which takes 8 µs; what it
 * takes from the usual ones is set afterwards.
 */
function toQuery(Query: PgQueryClass, statement: Statement, callback: PgCallback): PgQueryObject {
  const { text, values = [], name, rowMode, types } = statement;
  if (rowMode !== undefined || types !== undefined) {
    const config = { text, values, name, types, queryMode: 'extended' };
    return new Query(rowMode === 'array' ? { ...config, rowMode } : config, undefined, callback);
  }
  const query = new Query(text, values, callback);
  query.queryMode = 'extended';
  if (name !== undefined) query.name = name;
  return query;
}
