/** Limits that the server itself holds the sessions to, milliseconds; 0 for no limit. */
export interface SessionLimits {
  /** `statement_timeout`: longest duration of a statement. Default: the server's. */
  readonly statementTimeoutMs?: number | undefined;
  /** `lock_timeout`: longest wait for a lock. Default: the server's. */
  readonly lockTimeoutMs?: number | undefined;
  /** `idle_in_transaction_session_timeout`: longest pause inside a transaction. Default: the server's. */
  readonly idleInTransactionTimeoutMs?: number | undefined;
}

const SETTINGS = {
  statementTimeoutMs: 'statement_timeout',
  lockTimeoutMs: 'lock_timeout',
  idleInTransactionTimeoutMs: 'idle_in_transaction_session_timeout',
} as const satisfies Record<keyof SessionLimits, string>;

/** The server knows whole milliseconds, and no more of them. */
const MOST_MS = 2 ** 31 - 1;

/** The limits by the server's names. They are for the work of callers: probes and long polls have deadlines of their own. */
export function limitSettings(limits: SessionLimits): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const [option, name] of Object.entries(SETTINGS) as [keyof SessionLimits, string][]) {
    const value = limits[option];
    if (value !== undefined) settings[name] = String(Math.min(Math.ceil(value), MOST_MS));
  }
  return Object.freeze(settings);
}
