import type { Ledger } from '../demo/ledger.ts';
import { percentile, type Series } from '../demo/series.ts';
import { msText, secondsText } from '../shell/numbers.ts';
import type { Output } from '../shell/output.ts';
import type { Tone } from '../shell/paint.ts';

/** Calls of one kind. Times in milliseconds. */
export interface DrillCalls {
  readonly answered: number;
  readonly failed: number;
  /** Longest time without any answer. */
  readonly gapMs: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The last object that `pgherd drill --json` prints. */
export interface DrillReport {
  readonly type: 'report';
  readonly durationMs: number;
  readonly writes: DrillCalls & {
    /** Sent, and the answer was lost: executed or not. */
    readonly unknown: number;
    /** Of these, how many were executed. */
    readonly unknownExecuted: number;
  };
  readonly reads: DrillCalls;
  /** Acknowledged writes that are not there. */
  readonly lost: number;
  /** Writes that are there more than once. */
  readonly twice: number;
  /** Why calls failed, each reason once, with how often; not those of unknown outcome. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

/** The report of a drill: the books against what was read back. Pure. */
export function drillReport(
  ledger: Ledger,
  times: ReadonlyMap<number, number>,
  durationMs: number,
): DrillReport {
  const count = (kind: 'write' | 'read'): number => ledger.count(kind, 'failed');
  const unknown = ledger.idsOf('unknown');
  return {
    type: 'report',
    durationMs: Math.round(durationMs),
    writes: {
      ...callsOf(ledger.writes, count('write'), durationMs),
      unknown: unknown.length,
      unknownExecuted: unknown.filter((id) => times.has(id)).length,
    },
    reads: callsOf(ledger.reads, count('read'), durationMs),
    lost: ledger.acknowledged.filter((id) => !times.has(id)).length,
    twice: [...times.values()].filter((one) => one > 1).length,
    reasons: reasonsOf(ledger),
  };
}

/** Whether every promise was kept: nothing lost, nothing twice, no call failed. */
export function isKept({ writes, reads, lost, twice }: DrillReport): boolean {
  return lost === 0 && twice === 0 && writes.failed === 0 && reads.failed === 0;
}

function callsOf(series: Series, failed: number, durationMs: number): DrillCalls {
  const durations = series.durationsBetween(0, Number.POSITIVE_INFINITY);
  const tenths = (ms: number | undefined): number | null =>
    ms === undefined ? null : Math.round(ms * 10) / 10;
  return {
    answered: series.count,
    failed,
    gapMs: Math.round(series.longestGap(0, Number.POSITIVE_INFINITY, durationMs)),
    p50Ms: tenths(percentile(durations, 0.5)),
    p99Ms: tenths(percentile(durations, 0.99)),
  };
}

function reasonsOf(ledger: Ledger): DrillReport['reasons'] {
  const counts = new Map<string, number>();
  for (const { reason, outcome } of ledger.failures)
    if (outcome === 'failed') counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
}

/** Reasons that are shown to people; JSON has all. */
const SHOWN_REASONS = 5;

/** Writes the report for people. */
export function writeReport(output: Output, report: DrillReport): void {
  const { writes, reads, lost, twice } = report;
  const line = (name: string, { answered, failed, gapMs, p50Ms, p99Ms }: DrillCalls): void => {
    const latency = p50Ms === null ? '' : `, p50 ${msText(p50Ms)}, p99 ${msText(p99Ms ?? p50Ms)}`;
    output.line(
      name.padEnd(8),
      `${answered} answered, longest gap `,
      { tone: 'strong', text: msText(gapMs) },
      latency,
      ', ',
      counted(failed, 'failed'),
    );
  };
  output.line();
  line('writes', writes);
  line('reads', reads);
  output.line(
    'unknown',
    ` ${writes.unknown} writes lost their answer; ${writes.unknownExecuted} of them were executed`,
  );
  output.line(
    'rows    ',
    counted(lost, 'lost'),
    ', ',
    counted(twice, 'twice'),
    `, in ${secondsText(report.durationMs)} s`,
  );
  for (const { reason, count } of report.reasons.slice(0, SHOWN_REASONS))
    output.line(`  ${count} × ${reason}`);
}

function counted(count: number, what: string): { tone: Tone; text: string } {
  return { tone: count === 0 ? 'good' : 'bad', text: `${count} ${what}` };
}
