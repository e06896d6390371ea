import { argumentError, invalidArgument } from '../model/errors.ts';
import { quoteIdentifier } from '../sql/quote.ts';

/** The table of {@link OutcomeOptions.outcomeTable}. */
export interface OutcomeTable {
  readonly table: string;
  /** Default: found by the `search_path`. */
  readonly schema?: string | undefined;
}

/** How to find out the outcome of a COMMIT whose answer was lost. */
export interface OutcomeOptions {
  /**
   * `xid`: pgherd asks the server itself for the status of the transaction, over a session that was open
   * before COMMIT was sent. It costs one transaction id, and gives no answer if the whole server was lost.
   * Default: not asked.
   */
  readonly outcome?: 'xid' | undefined;
  /**
   * A table in which the transaction leaves a row, which shows the outcome afterwards, also on another
   * server. Its name, or an object of table and schema; {@link outcomeTableText} creates it. Default: none.
   */
  readonly outcomeTable?: string | OutcomeTable | undefined;
}

/** The table of {@link OutcomeOptions.outcomeTable} as SQL; `undefined` for none. */
export function outcomeTableName(given: string | OutcomeTable | undefined): string | undefined {
  if (given === undefined) return undefined;
  const { table, schema }: OutcomeTable = typeof given === 'string' ? { table: given } : given;
  return schema === undefined
    ? quoteIdentifier(table)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/**
 * The SQL that creates the table of `outcomeTable`. Roles that run transactions with it need SELECT, INSERT
 * and UPDATE on it.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid name.
 * @example
 * ```ts
 * await lease.query(outcomeTableText('pgherd_outcome'));
 * await db.transaction(work, { outcomeTable: 'pgherd_outcome' });
 * ```
 */
export function outcomeTableText(given: string | OutcomeTable): string {
  assertTable(given);
  return `create table if not exists ${outcomeTableName(given)} (
  key uuid primary key default gen_random_uuid(),
  committed boolean not null default true,
  at timestamptz not null default now()
)`;
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` */
export function assertOutcomeOptions({ outcome, outcomeTable }: OutcomeOptions, readOnly: boolean): void {
  if (outcome !== undefined && outcome !== 'xid') throw invalidArgument('outcome', outcome, '"xid"');
  if (outcomeTable === undefined) return;
  assertTable(outcomeTable);
  if (readOnly) {
    throw argumentError(
      'outcomeTable makes the transaction write a row, so readOnly must not be given with it.',
      { argument: 'outcomeTable' },
    );
  }
}

function assertTable(given: unknown): void {
  const isObject = typeof given === 'object' && given !== null && 'table' in given;
  const schema = isObject && 'schema' in given ? given.schema : undefined;
  const table = isObject ? given.table : given;
  for (const name of schema === undefined ? [table] : [table, schema]) {
    if (typeof name === 'string' && name !== '' && !name.includes('\0')) continue;
    throw argumentError('outcomeTable must be the name of a table, or { table, schema } by name.', {
      argument: 'outcomeTable',
    });
  }
}
