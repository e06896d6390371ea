import type { CallOptions } from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import { invalidArgument, PgHerdError } from '../model/errors.ts';
import { assertOptions, type OptionNames, optionNames } from '../model/option-names.ts';
import { assertLocalSettings, localSettingsText, type TransactionSettings } from './local-settings.ts';
import { assertOutcomeOptions, type OutcomeOptions } from './outcome-options.ts';

/** Isolation levels of PostgreSQL. */
export const ISOLATION_LEVELS = Object.freeze(['read committed', 'repeatable read', 'serializable'] as const);
/** One of {@link ISOLATION_LEVELS}. */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** How a transaction begins. */
export interface TransactionOptions extends CallOptions, OutcomeOptions {
  /** Default: the server's `default_transaction_isolation`. */
  readonly isolation?: IsolationLevel | undefined;
  /** Refuses writes; the default target is then `prefer-standby`. Default `false`. */
  readonly readOnly?: boolean | undefined;
  /** Waits for a snapshot that cannot fail; only with `serializable` and `readOnly`. Default `false`. */
  readonly deferrable?: boolean | undefined;
  /** Whether the function is run again if that is certainly safe. Default `true`. */
  readonly retry?: boolean | { readonly attempts?: number | undefined } | undefined;
  /**
   * Settings until the end of the transaction, such as `{ 'app.user_id': '7', statement_timeout: '2s' }`;
   * sent together with BEGIN. Default: none.
   */
  readonly settings?: TransactionSettings | undefined;
}

const TRANSACTION_OPTIONS: OptionNames = optionNames<Omit<TransactionOptions, keyof CallOptions>>(
  { isolation: true, readOnly: true, deferrable: true, retry: true, outcome: true, outcomeTable: true },
  CALL_OPTIONS,
);

/** `BEGIN` with its options, followed by the settings. */
export function beginText(options: TransactionOptions): string {
  const parts = ['BEGIN'];
  if (options.isolation !== undefined) parts.push(`ISOLATION LEVEL ${options.isolation.toUpperCase()}`);
  if (options.readOnly === true) parts.push('READ ONLY');
  if (options.deferrable === true) parts.push('DEFERRABLE');
  const settings = localSettingsText(options.settings ?? {});
  return settings === '' ? parts.join(' ') : `${parts.join(' ')}; ${settings}`;
}

/**
 * Refuses invalid options before anything is sent.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertTransactionOptions(options: TransactionOptions): void {
  assertOptions('transaction', options, TRANSACTION_OPTIONS);
  const { isolation, readOnly, deferrable, retry, settings } = options;
  if (isolation !== undefined && !ISOLATION_LEVELS.includes(isolation))
    throw invalidArgument('isolation', isolation, `one of ${ISOLATION_LEVELS.join(', ')}`);
  assertBoolean('readOnly', readOnly);
  assertBoolean('deferrable', deferrable);
  if (deferrable === true && !(readOnly === true && isolation === 'serializable')) {
    throw new PgHerdError(
      'PGHERD_INVALID_ARGUMENT',
      'deferrable has an effect only together with isolation "serializable" and readOnly.',
    );
  }
  assertRetry(retry);
  if (settings !== undefined) assertLocalSettings(settings);
  assertOutcomeOptions(options, readOnly === true);
}

function assertBoolean(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalidArgument(name, value, 'true or false');
}

function assertRetry(retry: unknown): void {
  if (retry === undefined || typeof retry === 'boolean') return;
  const attempts =
    typeof retry === 'object' && retry !== null && 'attempts' in retry ? retry.attempts : undefined;
  if (typeof retry !== 'object' || retry === null)
    throw invalidArgument('retry', retry, 'true, false or { attempts }');
  if (attempts !== undefined && !(Number.isInteger(attempts) && Number(attempts) >= 1))
    throw invalidArgument('retry.attempts', attempts, 'a whole number, at least 1');
}
