import type { Call } from './load.ts';

/** What a trial saw. Times are epoch milliseconds. */
export interface Evidence {
  readonly calls: readonly Call[];
  /** When the primary was gone. */
  readonly struckAt: number;
  /** The new primary's log line `database system is ready to accept connections`. */
  readonly readyAt: number;
  readonly promotedPort: number;
  /** Of the old primary. */
  readonly demotedPort: number;
  /** Rows on the new primary, an id as often as it is there. */
  readonly newRows: readonly number[];
  /** Rows that the old primary executed after the promotion. */
  readonly oldRows: readonly number[];
  /** When the silent primary was last handed or offered work; `undefined` where that was not watched. */
  readonly lastWorkAt: number | undefined;
}

/** What a trial says. */
export interface TrialResult {
  /** From the promotion to the first write acknowledged by the new primary; `undefined` for never. */
  readonly firstWriteMs: number | undefined;
  /** Longest time without an acknowledgement, from the first one to the end of the load, ms; `undefined` if none came after the fault. */
  readonly longestGapMs: number | undefined;
  readonly calls: number;
  /** Calls that did not end with an acknowledgement. */
  readonly failedCalls: number;
  /** Of the failed: calls that certainly were not executed, so that they could have been done again. */
  readonly failedRetryable: number;
  /** Of the failed: calls after which the caller does not know whether the row was written. */
  readonly unknownOutcome: number;
  /** Acknowledged, and not on the new primary. */
  readonly lostWrites: number;
  /**
   * Begun after the promotion, and executed by the old primary: on a lower timeline, although a client could
   * know better.
   */
  readonly staleWrites: number;
  /** Begun after the promotion and acknowledged by the old primary: their callers rely on what is lost. */
  readonly staleAcknowledged: number;
  /**
   * Executed by the old primary after the promotion, whenever begun: what lay unread in its sockets is
   * executed when it goes on, and it cannot be called back.
   */
  readonly lateWrites: number;
  /** Reported as certainly failed, and yet written. */
  readonly wronglyFailed: number;
  /** Written more than once. */
  readonly writtenTwice: number;
  readonly noNewWorkMs: number | undefined;
}

/** Judges a trial. */
export function judge(evidence: Evidence): TrialResult {
  const { calls, readyAt } = evidence;
  const written = new Set(evidence.newRows);
  const byId = new Map(calls.map((call) => [call.id, call]));
  const acknowledged = calls.filter((call) => call.outcome === 'acknowledged');
  const counted = (wanted: (call: Call) => boolean) => calls.filter(wanted).length;
  const begunLate = evidence.oldRows.filter((id) => (byId.get(id)?.startedAt ?? 0) > readyAt);
  const failedCalls = calls.length - acknowledged.length;
  const unknownOutcome = counted((call) => call.outcome === 'unknown' || call.outcome === 'unsettled');
  return {
    firstWriteMs: firstWriteMs(evidence),
    longestGapMs: longestGapMs(evidence),
    calls: calls.length,
    failedCalls,
    failedRetryable: failedCalls - unknownOutcome,
    unknownOutcome,
    lostWrites: acknowledged.filter((call) => !written.has(call.id)).length,
    staleWrites: begunLate.length,
    staleAcknowledged: acknowledged.filter(isStale(evidence)).length,
    lateWrites: evidence.oldRows.length,
    wronglyFailed: counted((call) => call.outcome === 'failed' && written.has(call.id)),
    writtenTwice: evidence.newRows.length - written.size,
    noNewWorkMs:
      evidence.lastWorkAt === undefined ? undefined : Math.max(0, evidence.lastWorkAt - evidence.struckAt),
  };
}

function firstWriteMs({ calls, promotedPort, readyAt, struckAt }: Evidence): number | undefined {
  // A server that was only restarted has acknowledged writes before.
  const times = calls
    .filter(({ endedAt, port }) => port === promotedPort && endedAt > struckAt)
    .map(({ endedAt }) => endedAt);
  return times.length === 0 ? undefined : Math.min(...times) - readyAt;
}

/** Acknowledged by the old primary although a newer one accepted writes when the call began; a restart has only one. */
function isStale({ readyAt, demotedPort, promotedPort }: Evidence): (call: Call) => boolean {
  return ({ port, startedAt }) => demotedPort !== promotedPort && port === demotedPort && startedAt > readyAt;
}

function longestGapMs({ calls, struckAt }: Evidence): number | undefined {
  const acknowledged = calls
    .filter(({ outcome }) => outcome === 'acknowledged')
    .map(({ endedAt }) => endedAt);
  if (!acknowledged.some((at) => at > struckAt)) return undefined;
  const end = Math.max(...calls.map(({ startedAt }) => startedAt));
  const moments = [...acknowledged, end].sort((one, other) => one - other);
  return Math.max(...moments.map((at, index) => at - (moments[index - 1] ?? at)));
}
