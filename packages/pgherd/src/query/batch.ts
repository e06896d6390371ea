import type { CallOptions } from '../call/call.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { readStatement } from '../sql/statement.ts';
import { type Executor, supported } from './executor.ts';

/** Runs statements in one round trip, all or none of them. The results have the order of the statements. */
export async function runBatch(
  executor: Executor,
  statements: readonly Statement[],
  options: CallOptions,
): Promise<QueryResult<Row>[]> {
  for (const [index, { text }] of statements.entries()) assertFit(text, index);
  const [first] = statements;
  if (first === undefined) return [];
  const statement = statements.find(({ text }) => !readStatement(text).atomic) ?? first;
  const started = await executor.start(
    {
      statement,
      occupies: () => false,
      begin: (connection) => supported(executor, connection, 'batch').batch(statements),
    },
    options,
  );
  started.finish();
  return started.value.map((result) => answeredBy(result, started.node));
}

/** Statements that begin or end a transaction, and COPY, cannot be part of a batch. */
function assertFit(text: string, index: number): void {
  const { keyword, commits, otherVerb } = readStatement(text);
  const isCopy = keyword === 'COPY';
  if (!isCopy && commits !== 'always' && otherVerb !== 'transaction') return;
  const remedy = isCopy
    ? 'use copyFrom or copyTo'
    : 'a batch is a transaction of its own, or part of the one around it';
  throw new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    `Statement ${index} of the batch begins with ${keyword}: ${remedy}.`,
    { details: { index } },
  );
}
