import type { CallOptions } from '../call/call.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { isAtomic, withoutLeadingComments } from '../sql/atomic.ts';
import { type Runner, supported } from './runner.ts';

/** Statements that begin or end transactions, or that no batch can hold. */
const UNFIT = /^(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION|COPY)\b/i;

/** Runs statements in one round trip, all or none of them; the results in the order of the statements. */
export async function runBatch(
  runner: Runner,
  statements: readonly Statement[],
  options: CallOptions,
): Promise<QueryResult<Row>[]> {
  for (const [index, { text }] of statements.entries()) assertFit(text, index);
  const [first] = statements;
  if (first === undefined) return [];
  const statement = statements.find(({ text }) => !isAtomic(text)) ?? first;
  const started = await runner.start(
    {
      statement,
      occupies: () => false,
      begin: (connection) => supported(runner, connection, 'batch').batch(statements),
    },
    options,
  );
  started.finish();
  return started.value.map((result) => answeredBy(result, started.node));
}

function assertFit(text: string, index: number): void {
  const verb = UNFIT.exec(withoutLeadingComments(text))?.[1]?.toUpperCase();
  if (verb === undefined) return;
  const remedy =
    verb === 'COPY'
      ? 'use copyFrom or copyTo'
      : 'a batch is one transaction by itself, or part of the one around it';
  throw new PgHerdError(
    'PGHERD_STATEMENT_NOT_ALLOWED',
    `Statement ${index} of the batch begins with ${verb}: ${remedy}.`,
    { details: { index } },
  );
}
