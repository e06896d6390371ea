/** How many successful logins are remembered. */
const REMEMBERED = 8;
/** How many times as long as the slowest of them a login may take. */
const FACTOR = 3;

/** What the limit of an attempt to connect depends on. */
export interface DialSettings {
  /** How long a probe may stay unanswered, milliseconds. */
  readonly timeoutMs: number;
  /** Longest time that opening a connection may take, milliseconds. */
  readonly connectTimeoutMs: number;
}

/** Durations of the last logins to one node that succeeded, milliseconds, the newest last. */
export type LoginTimes = readonly number[];

/** The durations with one more; the oldest are forgotten. */
export function withLogin(times: LoginTimes, tookMs: number): LoginTimes {
  return [...times.slice(1 - REMEMBERED), tookMs];
}

/**
 * How long the monitor's attempt to connect to a node may take, milliseconds. A node that was ok must answer about as fast as it did
 * before: three times its slowest login, at least as long as a probe may take. Any other node, as at the start, gets the time that
 * every connection gets: its logins may take several round trips to a far place, or ask a directory.
 */
export function dialLimitMs(wasOk: boolean, times: LoginTimes, settings: DialSettings): number {
  const { timeoutMs, connectTimeoutMs } = settings;
  if (!wasOk) return connectTimeoutMs;
  return Math.min(connectTimeoutMs, Math.max(timeoutMs, FACTOR * Math.max(0, ...times)));
}
