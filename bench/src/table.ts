import type { Spread } from './statistics.ts';
import type { Summary } from './summary.ts';

interface Column {
  readonly head: readonly [string, string];
  readonly cell: (row: Summary) => string;
  readonly align: 'left' | 'right';
}

const left = (head: [string, string], cell: Column['cell']): Column => ({ head, cell, align: 'left' });
const right = (head: [string, string], cell: Column['cell']): Column => ({ head, cell, align: 'right' });

const COLUMNS: readonly Column[] = [
  left(['', 'scenario'], (row) => row.scenario),
  left(['', 'mode'], (row) => row.mode),
  left(['', 'client'], (row) => row.client),
  right(['', 'trials'], (row) => String(row.trials)),
  right(['first write', 'median ms'], (row) => milliseconds(row.firstWriteMs.median)),
  right(['', 'max ms'], (row) => milliseconds(row.firstWriteMs.max)),
  right(['never', 'wrote'], (row) => String(row.neverWrote)),
  right(['no new work', 'median ms'], (row) => spreadCell(row.noNewWorkMs, 'median')),
  right(['', 'max ms'], (row) => spreadCell(row.noNewWorkMs, 'max')),
  right(['', 'calls'], (row) => String(row.calls)),
  right(['failed', 'calls'], (row) => String(row.failedCalls)),
  right(['of those', 'retryable'], (row) => String(row.failedRetryable)),
  right(['unknown', 'outcome'], (row) => String(row.unknownOutcome)),
  right(['lost', 'writes'], (row) => String(row.lostWrites)),
  right(['stale', 'writes'], (row) => String(row.staleWrites)),
  right(['late', 'writes'], (row) => String(row.lateWrites)),
  right(['wrongly', 'failed'], (row) => String(row.wronglyFailed)),
  right(['written', 'twice'], (row) => String(row.writtenTwice)),
  right(['load', 'average'], (row) => row.loadAverage.toFixed(1)),
];

/** The summaries as lines of even columns, for people. */
export function renderTable(rows: readonly Summary[]): string {
  const grid = [
    COLUMNS.map((column) => column.head[0]),
    COLUMNS.map((column) => column.head[1]),
    ...rows.map((row) => COLUMNS.map((column) => column.cell(row))),
  ];
  const widths = COLUMNS.map((_column, index) => Math.max(...grid.map((line) => line[index]?.length ?? 0)));
  return grid
    .map((line) =>
      line.map((cell, index) => padded(cell, widths[index] ?? 0, COLUMNS[index]?.align)).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function padded(cell: string, width: number, align: Column['align'] | undefined): string {
  return align === 'left' ? cell.padEnd(width) : cell.padStart(width);
}

function spreadCell(value: Spread | null, which: keyof Spread): string {
  return value === null ? '' : milliseconds(value[which]);
}

/** A value that no trial, or not the needed ones, reached is `never`. */
function milliseconds(value: number | null): string {
  if (value === null) return 'never';
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
