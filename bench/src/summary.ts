import { type Spread, spread } from './statistics.ts';
import type { TrialResult } from './verdict.ts';

/** All trials of one scenario, mode and client: an element of what `--json` prints. Counts are sums over the trials. */
export interface Summary {
  readonly scenario: string;
  readonly mode: string;
  readonly client: string;
  readonly trials: number;
  /** Trials in which no write was acknowledged by the new primary in time. They count as endless. */
  readonly neverWrote: number;
  readonly firstWriteMs: Spread;
  readonly calls: number;
  readonly failedCalls: number;
  readonly unknownOutcome: number;
  readonly lostWrites: number;
  readonly staleWrites: number;
  readonly staleBegun: number;
  readonly wronglyFailed: number;
  readonly writtenTwice: number;
  /** `null` where the scenario has no silent primary. */
  readonly noNewWorkMs: Spread | null;
}

/** Sums up trials. */
export function summarize(
  of: { readonly scenario: string; readonly mode: string; readonly client: string },
  trials: readonly TrialResult[],
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
    calls: sum((trial) => trial.calls),
    failedCalls: sum((trial) => trial.failedCalls),
    unknownOutcome: sum((trial) => trial.unknownOutcome),
    lostWrites: sum((trial) => trial.lostWrites),
    staleWrites: sum((trial) => trial.staleWrites),
    staleBegun: sum((trial) => trial.staleBegun),
    wronglyFailed: sum((trial) => trial.wronglyFailed),
    writtenTwice: sum((trial) => trial.writtenTwice),
    noNewWorkMs: watched.length === 0 ? null : spread(watched),
  };
}
