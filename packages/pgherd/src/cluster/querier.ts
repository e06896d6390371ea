import { PgHerdError } from '../model/errors.ts';
import type { QueryResult, Row, Statement } from '../model/statement.ts';
import type { CallOptions } from './call.ts';

/** A statement with its call options: the form that query builders and `sql` tags yield. */
export type QueryConfig = Statement & CallOptions;

/** The verbs for single statements, which cluster, transaction and lease share. */
export interface Querier {
  /**
   * Runs a statement and gives the whole result.
   * @throws NoSuitableNodeError `PGHERD_NO_SUITABLE_NODE` (also as `PGHERD_AMBIGUOUS_PRIMARY`, `PGHERD_FOREIGN_CLUSTER`) and
   * PgHerdError `PGHERD_WAIT_TIMEOUT` after `waitTimeoutMs`, `PGHERD_POOL_FULL`, `PGHERD_TIMEOUT` after `timeoutMs`,
   * `PGHERD_ABORTED`, `PGHERD_CLOSED`, `PGHERD_INVALID_ARGUMENT`.
   * @throws OutcomeUnknownError `PGHERD_OUTCOME_UNKNOWN` where a statement was sent on the read-write target and not answered.
   * Errors of the server pass as the driver threw them, with `node` added.
   */
  query<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<QueryResult<R>>;
  query<R = Row>(config: QueryConfig): Promise<QueryResult<R>>;
  /** The rows of a statement. Errors as of {@link Querier.query}. */
  rows<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R[]>;
  rows<R = Row>(config: QueryConfig): Promise<R[]>;
  /**
   * The only row of a statement.
   * @throws PgHerdError `PGHERD_WRONG_ROW_COUNT` unless there is exactly one.
   */
  one<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R>;
  one<R = Row>(config: QueryConfig): Promise<R>;
  /**
   * The only row of a statement, or `undefined`.
   * @throws PgHerdError `PGHERD_WRONG_ROW_COUNT` if there are several.
   */
  maybeOne<R = Row>(text: string, values?: readonly unknown[], options?: CallOptions): Promise<R | undefined>;
  maybeOne<R = Row>(config: QueryConfig): Promise<R | undefined>;
}

const NO_OPTIONS: CallOptions = Object.freeze({});

/** Runs one statement. */
export type Run = (statement: Statement, options: CallOptions) => Promise<QueryResult<Row>>;

/** The verbs over a way to run one statement. */
export function querierOver(run: Run): Querier {
  const query = (first: string | QueryConfig, values?: readonly unknown[], options?: CallOptions) => {
    try {
      const [statement, callOptions] = normalize(first, values, options);
      return run(statement, callOptions);
    } catch (error) {
      return Promise.reject(error);
    }
  };
  const rows = async (...args: Parameters<typeof query>) => (await query(...args)).rows;
  const one = async (...args: Parameters<typeof query>) => {
    const found = await rows(...args);
    if (found.length !== 1) throw wrongRowCount(found.length, 'exactly one row');
    return found[0];
  };
  const maybeOne = async (...args: Parameters<typeof query>) => {
    const found = await rows(...args);
    if (found.length > 1) throw wrongRowCount(found.length, 'at most one row');
    return found[0];
  };
  // Row types are the caller's word: nothing at run time could prove them.
  return { query, rows, one, maybeOne } as Querier;
}

function normalize(
  first: string | QueryConfig,
  values: readonly unknown[] | undefined,
  options: CallOptions | undefined,
): readonly [Statement, CallOptions] {
  if (typeof first === 'string' && (values === undefined || Array.isArray(values))) {
    return [{ text: first, values }, options ?? NO_OPTIONS];
  }
  const config: QueryConfig = typeof first === 'string' ? { text: first, values } : first;
  if (typeof config !== 'object' || config === null || typeof config.text !== 'string') {
    throw invalid('The statement must be a text, or an object with a text.');
  }
  if (config.values !== undefined && !Array.isArray(config.values)) {
    throw invalid('The values of a statement must be an array.');
  }
  return [config, config];
}

function invalid(sentence: string): PgHerdError {
  return new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence);
}

function wrongRowCount(count: number, expected: string): PgHerdError {
  return new PgHerdError(
    'PGHERD_WRONG_ROW_COUNT',
    `The statement gave ${count} rows; ${expected} was expected.`,
    {
      details: { count },
    },
  );
}
