import { PgHerdError } from '../model/errors.ts';
import type { OtherVerb, StatementText } from './statement.ts';

const REMEDIES: Readonly<Record<OtherVerb, string>> = Object.freeze({
  transaction: 'Use db.transaction(fn) or db.begin(); tx.transaction(fn) for a savepoint.',
  listen: 'Use db.listen(channel, fn), which survives a failover.',
  stream: 'Use db.stream(text, values), which keeps a cursor of its own.',
  copyFrom: 'Use db.copyFrom(text, source).',
  copyTo: 'Use db.copyTo(text).',
  acquire:
    'Statements are prepared by themselves; for names of your own hold a connection with db.acquire() or db.use(fn).',
});

/** The error for a statement that is another verb's: alone it would change a connection that belongs to everybody. */
export function notForQuery({ keyword, otherVerb }: StatementText): PgHerdError | undefined {
  if (otherVerb === undefined) return undefined;
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    `${keyword} is not for query: the next statement may run on another connection. ${REMEDIES[otherVerb]}`,
    { details: { keyword, verb: otherVerb } },
  );
}

/** Where the server refuses several statements in one text; nothing else has this code there. */
const SYNTAX_ERROR = '42601';
const ROUTINE = 'exec_parse_message';

/** `error`, unless the server refused several statements in one text: then the verb for that is named. */
export function namingScript(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('routine' in error))
    return error;
  if (error.code !== SYNTAX_ERROR || error.routine !== ROUTINE) return error;
  return new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    'The text has several statements; query takes one. Use db.script(text), or db.batch([…]) where they have values.',
    { cause: error, details: { verb: 'script' } },
  );
}
