import type { Call } from './load.ts';

/** What a trial saw. Times are epoch milliseconds. */
export interface Evidence {
  readonly calls: readonly Call[];
  /** When the primary was gone. */
  readonly struckAt: number;
  /** The new primary's log line `database system is ready to accept connections`. */
  readonly readyAt: number;
  readonly promotedPort: number;
  /** Rows on the new primary, an id as often as it is there. */
  readonly newRows: readonly number[];
  /** Rows that the old primary executed after the promotion. */
  readonly oldRows: readonly number[];
  /** When the silent primary was last handed work; `undefined` where that was not watched. */
  readonly lastWorkAt: number | undefined;
}

/** What a trial says. */
export interface TrialResult {
  /** From the promotion to the first write acknowledged by the new primary; `undefined` for never. */
  readonly firstWriteMs: number | undefined;
  readonly calls: number;
  /** Calls that did not end with an acknowledgement. */
  readonly failedCalls: number;
  /** Of the failed: calls after which the caller does not know whether the row was written. */
  readonly unknownOutcome: number;
  /** Acknowledged, and not on the new primary. */
  readonly lostWrites: number;
  /** Executed by the old primary after the promotion. */
  readonly staleWrites: number;
  /** Of the stale: the call began after the promotion, so that a client could have known better. */
  readonly staleBegun: number;
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
  return {
    firstWriteMs: firstWriteMs(evidence),
    calls: calls.length,
    failedCalls: calls.length - acknowledged.length,
    unknownOutcome: counted((call) => call.outcome === 'unknown' || call.outcome === 'unsettled'),
    lostWrites: acknowledged.filter((call) => !written.has(call.id)).length,
    staleWrites: evidence.oldRows.length,
    staleBegun: begunLate.length,
    wronglyFailed: counted((call) => call.outcome === 'failed' && written.has(call.id)),
    writtenTwice: evidence.newRows.length - written.size,
    noNewWorkMs:
      evidence.lastWorkAt === undefined ? undefined : Math.max(0, evidence.lastWorkAt - evidence.struckAt),
  };
}

function firstWriteMs({ calls, promotedPort, readyAt }: Evidence): number | undefined {
  const times = calls.filter((call) => call.port === promotedPort).map((call) => call.endedAt);
  return times.length === 0 ? undefined : Math.min(...times) - readyAt;
}
