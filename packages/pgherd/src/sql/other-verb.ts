import { PgHerdError } from '../model/errors.ts';
import type { OtherVerb, StatementText } from './statement.ts';

const REMEDIES: Readonly<Record<OtherVerb, string>> = Object.freeze({
  transaction: 'Use db.transaction(fn) or db.begin(); tx.transaction(fn) for a savepoint.',
  listen: 'Use db.listen(channel, fn), which survives a failover.',
  stream: 'Use db.stream(text, values), which keeps a cursor of its own.',
  copyFrom: 'Use db.copyFrom(text, source).',
  copyTo: 'Use db.copyTo(text).',
  acquire:
    'Statements are prepared automatically; for names of your own hold a connection with db.acquire() or db.use(fn).',
});

/**
 * The error for a statement that needs another verb: on its own it would change a connection that other calls
 * use.
 */
export function notForQuery({ keyword, otherVerb }: StatementText): PgHerdError | undefined {
  if (otherVerb === undefined) return undefined;
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    `${keyword} cannot be run with query(): the next statement may run on another connection. ${REMEDIES[otherVerb]}`,
    { details: { keyword, verb: otherVerb } },
  );
}

/** How the server refuses several statements in one text; only this error has that code at that place. */
const SYNTAX_ERROR = '42601';
const ROUTINE = 'exec_parse_message';

/** `error`, or one that names the right verb if the server refused several statements in one text. */
export function namingScript(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('routine' in error))
    return error;
  if (error.code !== SYNTAX_ERROR || error.routine !== ROUTINE) return error;
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    'The SQL has several statements, but query() takes one. Use db.script(text), or db.batch([…]) if they have values.',
    { cause: error, details: { verb: 'script' } },
  );
}
