import type { ConnectionPlan } from '../dsn/index.ts';
import { quoteIdentifier } from '../sql/quote.ts';

/** Limits that the server enforces in each session, milliseconds; 0 for no limit. */
export interface SessionLimits {
  /** `statement_timeout`: longest duration of a statement. Default: the server's. */
  readonly statementTimeoutMs?: number | undefined;
  /** `lock_timeout`: longest wait for a lock. Default: the server's. */
  readonly lockTimeoutMs?: number | undefined;
  /** `idle_in_transaction_session_timeout`: longest pause inside a transaction. Default: the server's. */
  readonly idleInTransactionTimeoutMs?: number | undefined;
}

const LIMIT_SETTINGS = {
  statementTimeoutMs: 'statement_timeout',
  lockTimeoutMs: 'lock_timeout',
  idleInTransactionTimeoutMs: 'idle_in_transaction_session_timeout',
} as const satisfies Record<keyof SessionLimits, string>;

/** The largest value of the server's settings, which are whole milliseconds. */
const MOST_MS = 2 ** 31 - 1;

/**
 * The limits by the server's names. They apply to the work of callers: probes and long polls have deadlines
 * of their own.
 */
export function limitSettings(limits: SessionLimits): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const [option, name] of Object.entries(LIMIT_SETTINGS) as [keyof SessionLimits, string][]) {
    const value = limits[option];
    if (value !== undefined) settings[name] = String(Math.min(Math.ceil(value), MOST_MS));
  }
  return Object.freeze(settings);
}

/** Values of settings by name, as for `SET`; a list is a list of identifiers, as for `search_path`. */
export type SessionOptions = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** Settings on which the library relies, and why they cannot be set. */
const RESERVED: Readonly<Record<string, string>> = Object.freeze({
  client_encoding: 'pgherd decodes UTF8',
  default_transaction_read_only: 'pgherd sets it for reads that must not write',
  transaction_read_only: 'it belongs to a transaction: use transaction(fn, { readOnly })',
  session_authorization: 'it is another login: connect as that user, or set role',
  application_name: 'it is the option applicationName',
  replication: 'it makes another kind of connection',
});

/** A setting of PostgreSQL, or one with a custom prefix. */
const NAME = /^[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*$/i;

/** The violations in the settings of a session, one sentence each. */
export function sessionViolations(where: string, session: object): string[] {
  const violations: string[] = [];
  for (const [name, value] of Object.entries(session)) {
    const shown = `${where}[${JSON.stringify(name)}]`;
    const reserved = RESERVED[name.toLowerCase()];
    if (!NAME.test(name))
      violations.push(`${shown} is not the name of a setting, such as search_path or app.tenant`);
    else if (reserved !== undefined) violations.push(`${shown} cannot be set: ${reserved}`);
    else if (value !== undefined && !isValue(value)) {
      violations.push(`${shown} must be a string without NUL, a number, true or false, or a list of names`);
    }
  }
  return violations;
}

function isValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((one) => isText(one) && one !== '');
  return isText(value) || typeof value === 'boolean' || Number.isFinite(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}

/**
 * The plan with the settings of the session, which override its own. They are sent in the startup packet, so
 * that a reset of the session restores them; behind a pooler each transaction sets them.
 */
export function withSession(plan: ConnectionPlan, session: SessionOptions | undefined): ConnectionPlan {
  const given = Object.entries(session ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, valueText(value)] as const],
  );
  if (given.length === 0) return plan;
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const kept = Object.entries(plan.settings).filter(([name]) => !names.has(name.toLowerCase()));
  const searchPath = names.has('search_path') ? undefined : plan.searchPath;
  if (plan.options === undefined) {
    const settings = Object.freeze(Object.fromEntries([...kept, ...given]));
    return Object.freeze({ ...plan, settings, searchPath });
  }
  // The last of several values in the options counts, so that these have to be at the end.
  const options = [plan.options, ...given.map(([name, value]) => `-c ${name}=${escaped(value)}`)].join(' ');
  return Object.freeze({ ...plan, settings: Object.freeze(Object.fromEntries(kept)), searchPath, options });
}

/** The server splits options at white space without a backslash before it. */
function escaped(value: string): string {
  return value.replace(/[\\\s]/g, '\\$&');
}

function valueText(value: string | number | boolean | readonly string[]): string {
  if (typeof value === 'object') return value.map(quoteIdentifier).join(', ');
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/**
 * Whether a reset of the session has to restore the role: `DISCARD ALL` resets it to the user of the login.
 */
export function setsRole({ settings, options }: ConnectionPlan): boolean {
  if (Object.keys(settings).some((name) => name.toLowerCase() === 'role')) return true;
  return options !== undefined && /(?:^|\s)(?:-c\s*|--)role=/i.test(options);
}
