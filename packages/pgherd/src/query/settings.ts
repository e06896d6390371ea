import type { CallOptions, CallRecord } from '../call/call.ts';
import { argumentError, PgHerdError } from '../model/errors.ts';
import { ownStatement, type QueryResult, type Row, type Statement } from '../model/statement.ts';
import { assertLocalSettings, localSettingsText } from '../options/local-settings.ts';
import { namingScript, notForQuery } from '../sql/other-verb.ts';
import { readStatement } from '../sql/statement.ts';
import { runBatch } from './batch.ts';
import type { Executor } from './executor.ts';

/** Runs a statement with settings that apply to it alone: both are one transaction, sent in one flight. */
export async function runWithSettings(
  executor: Executor,
  statement: Statement,
  options: CallOptions,
  record?: CallRecord,
): Promise<QueryResult<Row>> {
  const refusal = notForQuery(readStatement(statement.text));
  if (refusal !== undefined) throw refusal;
  try {
    const [result] = await runBatch(executor, [statement], options, record);
    if (result === undefined) throw new Error('the batch returned no result');
    return result;
  } catch (error) {
    if (typeof error === 'object' && error !== null) Reflect.deleteProperty(error, 'index');
    throw namingScript(error);
  }
}

/** The statement that goes before a batch to apply the settings of its call; `undefined` if it has none. */
export function settingsStatement({ settings }: CallOptions): Statement | undefined {
  if (settings === undefined) return undefined;
  assertLocalSettings(settings);
  const text = localSettingsText(settings);
  return text === '' ? undefined : ownStatement(text);
}

/**
 * Refuses settings where they would not apply: ignored, they could open what row-level security closes.
 * @throws PgHerdError `PGHERD_UNSUPPORTED`
 */
export function assertNoSettings({ settings }: CallOptions, verb: string): void {
  if (settings === undefined) return;
  throw new PgHerdError(
    'PGHERD_UNSUPPORTED',
    `${verb} cannot apply settings to its statements. Use transaction(fn, { settings }), or set them on a lease by yourself.`,
  );
}

/** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for settings of a statement on a connection that is held. */
export function assertNoOwnSettings({ settings }: CallOptions): void {
  if (settings === undefined) return;
  throw argumentError(
    'A statement of a transaction or a lease has no settings of its own: give them to transaction(fn, { settings }), or run set_config.',
    { argument: 'settings' },
  );
}
