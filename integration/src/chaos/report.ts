import type { FaultReport } from './soak.ts';

/** Percentiles of durations, milliseconds, rounded. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** All faults of one kind. */
export interface KindSummary {
  readonly fault: string;
  readonly count: number;
  readonly calls: number;
  readonly unknownOutcome: number;
  readonly failedCalls: number;
  /** Duration of the calls that began during these faults. */
  readonly callMs: Spread;
  /** The longest time without an acknowledged write in each of them. */
  readonly gapMs: Spread;
}

/** What a soak showed. */
export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: number;
  /** Calls a second. */
  readonly rate: number;
  readonly total: KindSummary;
  readonly kinds: readonly KindSummary[];
  readonly violations: readonly string[];
}

/** Adds the faults up, by kind and altogether. */
export function summarize(reports: readonly FaultReport[]): Pick<ChaosReport, 'total' | 'kinds'> {
  const names = [...new Set(reports.map((report) => report.name))].sort();
  return {
    total: summary('all', reports),
    kinds: names.map((name) =>
      summary(
        name,
        reports.filter((report) => report.name === name),
      ),
    ),
  };
}

function summary(fault: string, reports: readonly FaultReport[]): KindSummary {
  const sum = (pick: (report: FaultReport) => number) =>
    reports.reduce((total, report) => total + pick(report), 0);
  return {
    fault,
    count: reports.length,
    calls: sum((report) => report.calls),
    unknownOutcome: sum((report) => report.unknownOutcome),
    failedCalls: sum((report) => report.failedCalls),
    callMs: spread(reports.flatMap((report) => report.callMs)),
    gapMs: spread(reports.map((report) => report.longestGapMs)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

const COLUMNS = ['times', 'calls', 'unknown', 'failed', 'call p50', 'p99', 'max', 'gap p50', 'p99', 'max'];

/** The report as text. */
export function rendered(report: ChaosReport): string {
  const rows = [...report.kinds, report.total].map(({ fault, callMs, gapMs, ...counts }) => [
    fault,
    counts.count,
    counts.calls,
    counts.unknownOutcome,
    counts.failedCalls,
    callMs.p50,
    callMs.p99,
    callMs.max,
    gapMs.p50,
    gapMs.p99,
    gapMs.max,
  ]);
  const first = Math.max(...rows.map(([name]) => String(name).length));
  const line = (name: unknown, cells: readonly unknown[]) =>
    `${String(name).padEnd(first)} ${cells.map((cell) => String(cell).padStart(8)).join(' ')}`;
  const verdict =
    report.violations.length === 0
      ? 'Every invariant held.'
      : [`${report.violations.length} violations:`, ...report.violations.map((each) => `  ${each}`)].join(
          '\n',
        );
  return [
    `${report.minutes.toFixed(1)} minutes, seed ${report.seed}, ${report.nodes} nodes, ${report.rate} calls a second; times in milliseconds`,
    line('', COLUMNS),
    ...rows.map(([name, ...cells]) => line(name, cells)),
    verdict,
  ].join('\n');
}
