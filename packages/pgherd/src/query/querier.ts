import { type CallOptions, NO_OPTIONS } from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import { atCaller } from '../model/caller.ts';
import { argumentError, invalidArgument, PgHerdError } from '../model/errors.ts';
import { quoted } from '../model/foreign.ts';
import { assertOptions, optionNames } from '../model/option-names.ts';
import { ownStatement, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { runBatch } from './batch.ts';
import {
  type CopyFromOptions,
  CopyOutStream,
  type CopyResult,
  type CopySource,
  type CopyStream,
  runCopyFrom,
} from './copy.ts';
import type { Execute, Executor } from './executor.ts';
import { batched, type First, normalize, type QueryConfig, type Second } from './form.ts';
import {
  assertSchema,
  checkedRows,
  type SchemaOutput,
  type StandardSchema,
  type WithSchema,
} from './schema.ts';
import { boundTag, type SqlQueryTag } from './sql-query.ts';
import { CursorStream, type RowStream, type StreamOptions } from './stream.ts';

/**
 * The verbs that cluster, transaction and lease share. Each takes SQL with its values, or an object with
 * both, as query builders and `sql` tags produce. With a `schema`, each row is validated by it and has its
 * type.
 */
export interface Querier {
  /**
   * Runs a statement and returns the whole result.
   * @throws NoSuitableNodeError `PGHERD_NO_SUITABLE_NODE` (also as `PGHERD_AMBIGUOUS_PRIMARY`,
   * `PGHERD_FOREIGN_CLUSTER`) and PgHerdError `PGHERD_WAIT_TIMEOUT` after `waitTimeoutMs`,
   * `PGHERD_POOL_FULL`, `PGHERD_TIMEOUT` after `timeoutMs`, `PGHERD_ABORTED`, `PGHERD_CLOSED`,
   * `PGHERD_INVALID_ARGUMENT`, `PGHERD_SCHEMA_MISMATCH` for a row that does not fit `schema`.
   * @throws OutcomeUnknownError `PGHERD_OUTCOME_UNKNOWN` if a statement was sent on the read-write target and
   * no answer came. Errors of the server are thrown with their own fields, and `node`.
   */
  query<S extends StandardSchema>(
    text: string,
    values: readonly unknown[] | undefined,
    options: CallOptions & WithSchema<S>,
  ): Promise<QueryResult<SchemaOutput<S>>>;
  query<S extends StandardSchema>(config: QueryConfig & WithSchema<S>): Promise<QueryResult<SchemaOutput<S>>>;
  query<S extends StandardSchema>(
    config: QueryConfig,
    options: CallOptions & WithSchema<S>,
  ): Promise<QueryResult<SchemaOutput<S>>>;
  query<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<QueryResult<R>>;
  query<R = Row>(config: QueryConfig, options?: CallOptions): Promise<QueryResult<R>>;
  /** The rows of a statement. Errors as of {@link Querier.query}. */
  rows<S extends StandardSchema>(
    text: string,
    values: readonly unknown[] | undefined,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S>[]>;
  rows<S extends StandardSchema>(config: QueryConfig & WithSchema<S>): Promise<SchemaOutput<S>[]>;
  rows<S extends StandardSchema>(
    config: QueryConfig,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S>[]>;
  rows<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R[]>;
  rows<R = Row>(config: QueryConfig, options?: CallOptions): Promise<R[]>;
  /**
   * The only row of a statement.
   * @throws PgHerdError `PGHERD_WRONG_ROW_COUNT` unless there is exactly one.
   */
  one<S extends StandardSchema>(
    text: string,
    values: readonly unknown[] | undefined,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S>>;
  one<S extends StandardSchema>(config: QueryConfig & WithSchema<S>): Promise<SchemaOutput<S>>;
  one<S extends StandardSchema>(
    config: QueryConfig,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S>>;
  one<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R>;
  one<R = Row>(config: QueryConfig, options?: CallOptions): Promise<R>;
  /**
   * The only row of a statement, or `undefined`.
   * @throws PgHerdError `PGHERD_WRONG_ROW_COUNT` if there are several.
   */
  maybeOne<S extends StandardSchema>(
    text: string,
    values: readonly unknown[] | undefined,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S> | undefined>;
  maybeOne<S extends StandardSchema>(
    config: QueryConfig & WithSchema<S>,
  ): Promise<SchemaOutput<S> | undefined>;
  maybeOne<S extends StandardSchema>(
    config: QueryConfig,
    options: CallOptions & WithSchema<S>,
  ): Promise<SchemaOutput<S> | undefined>;
  maybeOne<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R | undefined>;
  maybeOne<R = Row>(config: QueryConfig, options?: CallOptions): Promise<R | undefined>;
  /**
   * A statement as a template: a value in `${}` becomes a parameter, a fragment is nested, a name is quoted
   * by `sql.identifier`. Awaited, it runs as {@link Querier.query} does; every verb accepts it in place of
   * SQL.
   */
  readonly sql: SqlQueryTag;
  /**
   * Runs statements in one round trip and, outside a transaction, as one transaction: all of them or none.
   * The results have the order of the statements. An error of the server has the `index` of the statement
   * that failed. `name` is ignored.
   * @throws PgHerdError `PGHERD_STATEMENT_NOT_ALLOWED` for statements such as BEGIN, COMMIT and COPY,
   * `PGHERD_UNSUPPORTED` over a port without batches; otherwise as {@link Querier.query}.
   */
  batch(statements: readonly (string | Statement)[], options?: CallOptions): Promise<QueryResult<Row>[]>;
  /**
   * The rows of a result one after the other, fetched `batchSize` at a time, so that memory does not grow
   * with their number. It keeps a connection until it ends; leaving the loop ends it. `timeoutMs` applies to
   * the whole stream.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` over a port without cursors; otherwise, from the first `next`,
   * as {@link Querier.query}. A stream that is lost after the first part is not run again.
   */
  stream<S extends StandardSchema>(
    text: string,
    values: readonly unknown[] | undefined,
    options: StreamOptions & WithSchema<S>,
  ): RowStream<SchemaOutput<S>>;
  stream<S extends StandardSchema>(
    config: Statement & StreamOptions & WithSchema<S>,
  ): RowStream<SchemaOutput<S>>;
  stream<S extends StandardSchema>(
    config: Statement & StreamOptions,
    options: StreamOptions & WithSchema<S>,
  ): RowStream<SchemaOutput<S>>;
  stream<R = Row>(text: string, values?: readonly unknown[], options?: StreamOptions): RowStream<R>;
  stream<R = Row>(config: Statement & StreamOptions, options?: StreamOptions): RowStream<R>;
  /**
   * Streams a source into `COPY … FROM STDIN`, no faster than the server accepts it. An error of the source
   * stops the COPY, rejects the call, and no rows are kept. The COPY is not run again once the source was
   * read.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` over a port without COPY, `PGHERD_CONNECTION_LOST` if the
   * connection was lost before the end was sent; otherwise as {@link Querier.query}.
   */
  copyFrom(text: string, source: CopySource, options?: CopyFromOptions): Promise<CopyResult>;
  /**
   * The data of `COPY … TO STDOUT`, in pieces; the server waits if they are read slowly.
   * @throws PgHerdError `PGHERD_UNSUPPORTED` over a port without COPY; otherwise, from the first `next`, as
   * {@link Querier.query}.
   */
  copyTo(text: string, options?: CallOptions): CopyStream;
  /**
   * Sends a payload to all listeners of a channel; inside a transaction, when it commits.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid channel; otherwise as {@link Querier.query}.
   */
  notify(channel: string, payload?: string, options?: CallOptions): Promise<void>;
}

export type { QueryConfig } from './form.ts';

const QUERY_OPTIONS = optionNames<WithSchema<StandardSchema>>({ schema: true }, CALL_OPTIONS);
const STREAM_OPTIONS = optionNames<Pick<StreamOptions, 'batchSize'>>({ batchSize: true }, QUERY_OPTIONS);
const STREAM = { verb: 'stream', options: STREAM_OPTIONS };
const COPY_FROM_OPTIONS = optionNames<Pick<CopyFromOptions, 'onProgress'>>(
  { onProgress: true },
  CALL_OPTIONS,
);

type Query = (first: First, second?: Second, third?: CallOptions) => Promise<QueryResult<Row>>;

function queryOver({ execute }: Executor, verb = 'query'): Query {
  const form = { verb, options: QUERY_OPTIONS };
  return (first, second, third) => {
    try {
      const [statement, options] = normalize(form, first, second, third);
      const { schema } = options as { schema?: unknown };
      return schema === undefined
        ? execute(statement, options)
        : checked(execute, statement, options, schema);
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** How each verb is made from an executor. Row types are declared by the caller: nothing at run time can prove them. */
const VERBS = Object.freeze({
  query: (executor: Executor) => queryOver(executor),
  rows: (executor: Executor) => {
    const query = queryOver(executor, 'rows');
    return async (...args: Parameters<Query>) => (await query(...args)).rows;
  },
  one: (executor: Executor) => {
    const query = queryOver(executor, 'one');
    return async (...args: Parameters<Query>) => {
      const found = (await query(...args)).rows;
      if (found.length !== 1) throw wrongRowCount(found.length, 'exactly one row');
      return found[0];
    };
  },
  maybeOne: (executor: Executor) => {
    const query = queryOver(executor, 'maybeOne');
    return async (...args: Parameters<Query>) => {
      const found = (await query(...args)).rows;
      if (found.length > 1) throw wrongRowCount(found.length, 'at most one row');
      return found[0];
    };
  },
  sql: ({ execute }: Executor) => boundTag(execute),
  batch: (executor: Executor) => async (statements: readonly First[], options?: CallOptions) => {
    if (!Array.isArray(statements)) throw argumentError('batch takes an array of statements.');
    if (options !== undefined) assertOptions('batch', options, CALL_OPTIONS);
    const all = statements.map(batched);
    try {
      return await runBatch(executor, all, options ?? NO_OPTIONS);
    } catch (error) {
      throw atCaller(error, failedText(error, all));
    }
  },
  stream: (executor: Executor) => (first: First, second?: Second, third?: StreamOptions) => {
    const [statement, options] = normalize(STREAM, first, second, third);
    const { schema } = options as { schema?: StandardSchema };
    if (schema !== undefined) assertSchema(schema);
    return new CursorStream(executor, statement, options, schema);
  },
  copyFrom: (executor: Executor) => async (text: string, source: CopySource, options?: CopyFromOptions) => {
    assertOptions('copyFrom', options, COPY_FROM_OPTIONS);
    try {
      return await runCopyFrom(executor, text, source, options ?? NO_OPTIONS);
    } catch (error) {
      throw atCaller(error, text);
    }
  },
  copyTo: (executor: Executor) => (text: string, options?: CallOptions) => {
    assertOptions('copyTo', options, CALL_OPTIONS);
    return new CopyOutStream(executor, text, options ?? NO_OPTIONS);
  },
  notify:
    ({ execute }: Executor) =>
    async (channel: string, payload = '', options?: CallOptions) => {
      assertChannel(channel);
      assertOptions('notify', options, CALL_OPTIONS);
      if (typeof payload !== 'string') throw invalidArgument('payload', quoted(payload), 'a string');
      await execute(
        ownStatement('SELECT pg_catalog.pg_notify($1, $2)', [channel, payload]),
        options ?? NO_OPTIONS,
      );
    },
});

/** The verbs of an executor. */
export function querierOver(executor: Executor): Querier {
  const verbs = Object.entries(VERBS).map(([name, make]) => [name, make(executor)] as const);
  return Object.fromEntries(verbs) as unknown as Querier;
}

/** The verbs of a querier that has more, as an object of their own. */
export function verbsOf(querier: Querier): Querier {
  const names = Object.keys(VERBS) as (keyof Querier)[];
  return Object.fromEntries(names.map((name) => [name, querier[name]])) as unknown as Querier;
}

/** The verbs of an executor, each made when it is first used: a transaction and a lease use a few of them, and not for long. */
export class LazyQuerier implements Querier {
  readonly #executor: Executor;
  readonly #made: Partial<Record<keyof Querier, unknown>> = {};

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  get query(): Querier['query'] {
    return this.#verb('query');
  }

  get rows(): Querier['rows'] {
    return this.#verb('rows');
  }

  get one(): Querier['one'] {
    return this.#verb('one');
  }

  get maybeOne(): Querier['maybeOne'] {
    return this.#verb('maybeOne');
  }

  get sql(): Querier['sql'] {
    return this.#verb('sql');
  }

  get batch(): Querier['batch'] {
    return this.#verb('batch');
  }

  get stream(): Querier['stream'] {
    return this.#verb('stream');
  }

  get copyFrom(): Querier['copyFrom'] {
    return this.#verb('copyFrom');
  }

  get copyTo(): Querier['copyTo'] {
    return this.#verb('copyTo');
  }

  get notify(): Querier['notify'] {
    return this.#verb('notify');
  }

  #verb<K extends keyof Querier>(name: K): Querier[K] {
    this.#made[name] ??= VERBS[name](this.#executor);
    return this.#made[name] as Querier[K];
  }
}

/**
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if PostgreSQL does not accept it as the name of a channel.
 */
export function assertChannel(channel: unknown): asserts channel is string {
  // The server truncates a longer name in LISTEN, and refuses it in pg_notify.
  const fits = typeof channel === 'string' && Buffer.byteLength(channel) <= MAX_CHANNEL_BYTES;
  if (fits && channel !== '' && !channel.includes('\0')) return;
  throw argumentError(`A channel must be a string of 1 to ${MAX_CHANNEL_BYTES} bytes without NUL.`);
}

const MAX_CHANNEL_BYTES = 63;

/** The text of the statement of a batch at which it failed; of all, if that is not known. */
function failedText(error: unknown, statements: readonly Statement[]): string {
  const index = (error as { index?: unknown } | null)?.index;
  const failed = typeof index === 'number' ? statements[index] : undefined;
  return failed?.text ?? statements.map(({ text }) => text).join(';\n');
}

async function checked(
  execute: Execute,
  statement: Statement,
  options: CallOptions,
  schema: unknown,
): Promise<QueryResult<Row>> {
  assertSchema(schema);
  const result = await execute(statement, options);
  return { ...result, rows: (await checkedRows(result.rows, schema)) as Row[] };
}

function wrongRowCount(count: number, expected: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_WRONG_ROW_COUNT',
    `The statement returned ${count} rows; ${expected} was expected.`,
    {
      details: { count },
    },
  );
}
