import type { CallOptions } from '../call/call.ts';
import { invalidArgument, PgHerdError } from '../model/errors.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { assertOutcomeOptions, type OutcomeOptions } from './outcome-options.ts';

/** Isolation levels of PostgreSQL. */
export const ISOLATION_LEVELS = Object.freeze(['read committed', 'repeatable read', 'serializable'] as const);
/** One of {@link ISOLATION_LEVELS}. */
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** Settings of one transaction by name, as for `set_config(name, value, true)`. */
export type TransactionSettings = Readonly<Record<string, string | number | boolean>>;

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

/** `BEGIN` with its options, followed by the settings. */
export function beginText(options: TransactionOptions): string {
  const parts = ['BEGIN'];
  if (options.isolation !== undefined) parts.push(`ISOLATION LEVEL ${options.isolation.toUpperCase()}`);
  if (options.readOnly === true) parts.push('READ ONLY');
  if (options.deferrable === true) parts.push('DEFERRABLE');
  const settings = settingsText(options.settings ?? {});
  return settings === '' ? parts.join(' ') : `${parts.join(' ')}; ${settings}`;
}

function settingsText(settings: TransactionSettings): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(String(value))}, true)`,
  );
  return calls.length === 0 ? '' : `SELECT ${calls.join(', ')}`;
}

/** The name of a setting: identifiers separated by dots. */
const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$/;

/**
 * Settings for which there are options: as settings they would come too late, or contradict decisions based
 * on the options.
 */
const SAID_BY_OPTIONS: Readonly<Record<string, string>> = {
  transaction_isolation: 'isolation',
  transaction_read_only: 'readOnly',
  transaction_deferrable: 'deferrable',
  default_transaction_read_only: 'readOnly',
};

/**
 * Refuses invalid options before anything is sent.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertTransactionOptions(options: TransactionOptions): void {
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
  if (settings !== undefined) assertSettings(settings);
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

function assertSettings(settings: unknown): void {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw invalidArgument('settings', settings, 'an object of values by name');
  for (const [name, value] of Object.entries(settings)) {
    if (!SETTING_NAME.test(name))
      throw invalidArgument(
        `settings[${JSON.stringify(name)}]`,
        'not a valid name',
        'a name such as app.user_id',
      );
    const better = SAID_BY_OPTIONS[name.toLowerCase()];
    if (better !== undefined)
      throw invalidArgument(`settings.${name}`, 'given as a setting', `given by the option ${better}`);
    const kind = typeof value;
    const usable = kind === 'boolean' || (kind === 'number' && Number.isFinite(value));
    // The value may be a secret: only its type is reported.
    if (!usable && !(typeof value === 'string' && !value.includes('\0')))
      throw invalidArgument(
        `settings.${name}`,
        `of type ${kind}`,
        'a string without NUL, a number or a boolean',
      );
  }
}
