import { type Column, left, renderGrid, right } from './grid.ts';
import type { Spread } from './statistics.ts';
import type { Summary } from './summary.ts';

const COLUMNS: readonly Column<Summary>[] = [
  left(['', 'scenario'], (row) => row.scenario),
  left(['', 'mode'], (row) => row.mode),
  left(['', 'client'], (row) => row.client),
  right(['', 'trials'], (row) => String(row.trials)),
  right(['first write', 'median ms'], (row) => milliseconds(row.firstWriteMs.median)),
  right(['', 'max ms'], (row) => milliseconds(row.firstWriteMs.max)),
  right(['longest gap', 'median ms'], (row) => milliseconds(row.longestGapMs.median)),
  right(['never', 'wrote'], (row) => String(row.neverWrote)),
  right(['no new work', 'median ms'], (row) => spreadCell(row.noNewWorkMs, 'median')),
  right(['', 'max ms'], (row) => spreadCell(row.noNewWorkMs, 'max')),
  right(['', 'calls'], (row) => String(row.calls)),
  right(['failed', 'calls'], (row) => String(row.failedCalls)),
  right(['of those', 'retryable'], (row) => String(row.failedRetryable)),
  right(['unknown', 'outcome'], (row) => String(row.unknownOutcome)),
  right(['lost', 'writes'], (row) => String(row.lostWrites)),
  right(['stale', 'writes'], (row) => String(row.staleWrites)),
  right(['of those', 'acked'], (row) => String(row.staleAcknowledged)),
  right(['late', 'writes'], (row) => String(row.lateWrites)),
  right(['wrongly', 'failed'], (row) => String(row.wronglyFailed)),
  right(['written', 'twice'], (row) => String(row.writtenTwice)),
  right(['load', 'average'], (row) => row.loadAverage.toFixed(1)),
];

/** The summaries as lines of even columns, for people. */
export function renderTable(rows: readonly Summary[]): string {
  return renderGrid(COLUMNS, rows);
}

function spreadCell(value: Spread | null, which: keyof Spread): string {
  return value === null ? '' : milliseconds(value[which]);
}

/** A value that no trial, or not the needed ones, reached is `never`. */
function milliseconds(value: number | null): string {
  if (value === null) return 'never';
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
