import { invalidArgument } from '../model/errors.ts';
import { quoteLiteral } from '../sql/quote.ts';

/** Settings of one transaction by name, as for `set_config(name, value, true)`. */
export type TransactionSettings = Readonly<Record<string, string | number | boolean>>;

/** The statement that applies the settings until the end of the transaction it runs in; empty without any. */
export function localSettingsText(settings: TransactionSettings): string {
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
 * Refuses settings that cannot be applied.
 * @throws PgHerdError `PGHERD_INVALID_ARGUMENT`
 */
export function assertLocalSettings(settings: unknown): void {
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
