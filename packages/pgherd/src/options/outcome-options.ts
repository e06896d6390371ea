import { argumentError, invalidArgument } from '../model/errors.ts';
import { quoteIdentifier } from '../sql/quote.ts';

/** Names the table that {@link OutcomeOptions.outcomeTable} speaks of. */
export interface OutcomeTable {
  readonly table: string;
  /** Default: found by the `search_path`. */
  readonly schema?: string | undefined;
}

/** How the outcome of a COMMIT is found out whose answer was lost. */
export interface OutcomeOptions {
  /**
   * `xid`: the server itself is asked what became of the transaction, over a session that was open before COMMIT was sent and
   * lives still. It costs nothing but a transaction id, and tells nothing where the whole server was lost. Default: not asked.
   */
  readonly outcome?: 'xid' | undefined;
  /**
   * A table in which the transaction leaves a row: afterwards that row tells, also on another server. Its name, or an object
   * of table and schema; {@link outcomeTableText} makes it. Default: none.
   */
  readonly outcomeTable?: string | OutcomeTable | undefined;
}

/** The table of {@link OutcomeOptions.outcomeTable} as SQL writes it; `undefined` for none. */
export function outcomeTableName(given: string | OutcomeTable | undefined): string | undefined {
  if (given === undefined) return undefined;
  const { table, schema }: OutcomeTable = typeof given === 'string' ? { table: given } : given;
  return schema === undefined
    ? quoteIdentifier(table)
    : `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/**
 * The text that makes the table of `outcomeTable`. Whoever runs transactions with it needs SELECT, INSERT and UPDATE on it.
 *
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for what is no name.
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
