import { type Spread, spread } from './statistics.ts';
import type { TrialResult } from './verdict.ts';

/**
 * All trials of one scenario, mode and client: an element of what `--json` prints. Counts are sums over the
 * trials.
 */
export interface Summary {
  readonly scenario: string;
  readonly mode: string;
  readonly client: string;
  readonly trials: number;
  /** Trials in which no write was acknowledged by the new primary in time. They count as endless. */
  readonly neverWrote: number;
  readonly firstWriteMs: Spread;
  /** Longest time without an acknowledgement; a trial without one after the fault counts as endless. */
  readonly longestGapMs: Spread;
  readonly calls: number;
  readonly failedCalls: number;
  /** Of the failed: certainly not executed. */
  readonly failedRetryable: number;
  readonly unknownOutcome: number;
  readonly lostWrites: number;
  /** Begun after the promotion and executed by the old primary. */
  readonly staleWrites: number;
  /** Begun after the promotion and acknowledged by the old primary. */
  readonly staleAcknowledged: number;
  /** Executed by the old primary after the promotion, whenever begun. */
  readonly lateWrites: number;
  readonly wronglyFailed: number;
  readonly writtenTwice: number;
  /** `null` where the scenario has no silent primary. */
  readonly noNewWorkMs: Spread | null;
  /** Mean load average of the machine when the trials began. */
  readonly loadAverage: number;
}

/** Sums up trials. */
export function summarize(
  of: { readonly scenario: string; readonly mode: string; readonly client: string },
  trials: readonly TrialResult[],
  loads: readonly number[] = [],
): Summary {
  const sum = (pick: (trial: TrialResult) => number) => trials.reduce((total, one) => total + pick(one), 0);
  const watched = trials.flatMap((trial) => trial.noNewWorkMs ?? []);
  return {
    scenario: of.scenario,
    mode: of.mode,
    client: of.client,
    trials: trials.length,
    neverWrote: sum((trial) => (trial.firstWriteMs === undefined ? 1 : 0)),
    firstWriteMs: spread(trials.map((trial) => trial.firstWriteMs ?? Number.POSITIVE_INFINITY)),
    longestGapMs: spread(trials.map((trial) => trial.longestGapMs ?? Number.POSITIVE_INFINITY)),
    calls: sum((trial) => trial.calls),
    failedCalls: sum((trial) => trial.failedCalls),
    failedRetryable: sum((trial) => trial.failedRetryable),
    unknownOutcome: sum((trial) => trial.unknownOutcome),
    lostWrites: sum((trial) => trial.lostWrites),
    staleWrites: sum((trial) => trial.staleWrites),
    staleAcknowledged: sum((trial) => trial.staleAcknowledged),
    lateWrites: sum((trial) => trial.lateWrites),
    wronglyFailed: sum((trial) => trial.wronglyFailed),
    writtenTwice: sum((trial) => trial.writtenTwice),
    noNewWorkMs: watched.length === 0 ? null : spread(watched),
    loadAverage:
      Math.round((loads.reduce((total, one) => total + one, 0) / Math.max(1, loads.length)) * 100) / 100,
  };
}
