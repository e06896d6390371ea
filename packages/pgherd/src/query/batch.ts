import type { CallOptions, CallRecord } from '../call/call.ts';
import { PgHerdError } from '../model/errors.ts';
import { answeredBy, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { readStatement } from '../sql/statement.ts';
import { type Executor, supported } from './executor.ts';

/** Runs statements in one round trip, all or none of them. The results have the order of the statements. */
export async function runBatch(
  executor: Executor,
  statements: readonly Statement[],
  options: CallOptions,
  record?: CallRecord,
): Promise<QueryResult<Row>[]> {
  for (const [index, { text }] of statements.entries()) assertFit(text, index);
  const [first] = statements;
  if (first === undefined) return [];
  const before = executor.before?.(options);
  const tagged = statements.map((each) => executor.tagged(each, options));
  const sent = before === undefined ? tagged : [before, ...tagged];
  const statement = statements.find(({ text }) => !readStatement(text).atomic) ?? first;
  const started = await executor.start(
    {
      verb: 'batch',
      statement,
      occupies: () => false,
      texts: statements.map(({ text }) => text),
      appliesSettings: true,
      begin: async (connection) => {
        try {
          return await supported(executor, connection, 'batch').batch(sent);
        } catch (error) {
          throw before === undefined ? error : placed(error);
        }
      },
    },
    options,
    record,
  );
  started.finish();
  const results = before === undefined ? started.value : started.value.slice(1);
  return results.map((result) => answeredBy(result, started.node));
}

/** Counts without the statement before the batch; an error of that one has no index. */
function placed(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('index' in error)) return error;
  if (error.index === 0) Reflect.deleteProperty(error, 'index');
  else if (typeof error.index === 'number') error.index--;
  return error;
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
