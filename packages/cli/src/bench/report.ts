import { msText } from '../shell/numbers.ts';
import type { Output } from '../shell/output.ts';
import { type Column, writeTable } from '../shell/table.ts';
import type { Failures, Latencies, Tally } from './tally.ts';

/** Calls of one client. */
export interface BenchCalls extends Latencies {
  readonly answered: number;
  readonly failed: number;
  readonly perSecond: number;
}

/** pgherd and node-postgres on one server, by turns. */
export interface Comparison {
  readonly node: string;
  readonly rounds: readonly { readonly pgherd: BenchCalls; readonly pg: BenchCalls }[];
  /** Calls a second of pgherd for each of node-postgres: the median of the rounds; `null` if one of them had no answer. */
  readonly ratio: number | null;
}

/** The last object that `pgherd bench --json` prints. */
export interface BenchReport extends BenchCalls {
  readonly type: 'report';
  readonly durationMs: number;
  readonly callers: number;
  readonly nodes: Tally['nodes'];
  /** By their codes, the most frequent first. */
  readonly errors: readonly Failures[];
  readonly comparison: Comparison | null;
}

/** What the books of one client say. */
export function callsOf(tally: Tally, durationMs: number): BenchCalls {
  const perSecond = durationMs <= 0 ? 0 : Math.round((tally.answeredCount / durationMs) * 1_000);
  return { answered: tally.answeredCount, failed: tally.failedCount, perSecond, ...tally.latencies };
}

/** The comparison of so many rounds. Pure. */
export function comparisonOf(node: string, rounds: Comparison['rounds']): Comparison {
  const ratios = rounds
    .filter(({ pgherd, pg }) => pgherd.answered > 0 && pg.answered > 0)
    .map(({ pgherd, pg }) => pgherd.perSecond / pg.perSecond)
    .sort((a, b) => a - b);
  const middle = ratios[Math.floor(ratios.length / 2)];
  return { node, rounds, ratio: middle === undefined ? null : Math.round(middle * 100) / 100 };
}

/** A duration; fractions of a millisecond count here. */
export function latencyText(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 1 ? `${ms.toFixed(2)} ms` : msText(ms);
}

const LATENCY_COLUMNS: readonly Column<Latencies>[] = [
  { title: 'p50', isRight: true, cell: ({ p50Ms }) => latencyText(p50Ms) },
  { title: 'p95', isRight: true, cell: ({ p95Ms }) => latencyText(p95Ms) },
  { title: 'p99', isRight: true, cell: ({ p99Ms }) => latencyText(p99Ms) },
  { title: 'longest', isRight: true, dispensable: 1, cell: ({ maxMs }) => latencyText(maxMs) },
];

/** Kinds of errors that are shown to people; JSON has all. */
const SHOWN_ERRORS = 5;

/** Writes the report for people. */
export function writeReport(output: Output, report: BenchReport): void {
  const { comparison, answered, failed, durationMs, errors } = report;
  output.line();
  const share = (one: number): string => `${answered === 0 ? 0 : Math.round((one / answered) * 100)} %`;
  writeTable(
    output,
    [
      { title: 'node', cell: ({ node }) => node },
      { title: 'answered', isRight: true, cell: (row) => String(row.answered) },
      { title: 'share', isRight: true, dispensable: 2, cell: (row) => share(row.answered) },
      {
        title: 'a second',
        isRight: true,
        cell: (row) => String(Math.round((row.answered / durationMs) * 1_000)),
      },
      ...LATENCY_COLUMNS,
    ],
    [...report.nodes, ...(report.nodes.length === 1 ? [] : [{ ...report, node: 'all' }])],
  );
  output.line();
  output.line(
    { tone: failed === 0 ? 'good' : 'bad', text: `${failed} failed` },
    `, in ${msText(durationMs)}`,
  );
  for (const { code, count, message } of errors.slice(0, SHOWN_ERRORS))
    output.line(`  ${count} × ${code ?? 'no code'}: ${message}`);
  if (comparison !== null) writeComparison(output, comparison);
}

function writeComparison(output: Output, { node, rounds, ratio }: Comparison): void {
  output.line();
  output.line(`On ${node}, by turns:`);
  writeTable(
    output,
    [
      { title: 'round', isRight: true, cell: (row) => String(row.round) },
      { title: 'client', cell: (row) => row.client },
      { title: 'a second', isRight: true, cell: (row) => String(row.perSecond) },
      ...LATENCY_COLUMNS,
      { title: 'failed', isRight: true, cell: (row) => String(row.failed) },
    ],
    rounds.flatMap(({ pgherd, pg }, index) => [
      { round: index + 1, client: 'pgherd', ...pgherd },
      { round: index + 1, client: 'pg.Pool', ...pg },
    ]),
  );
  if (ratio !== null)
    output.line(
      { tone: 'strong', text: `${ratio} ×` },
      ' the calls of pg.Pool, the median of the rounds; smaller differences than 20 % say little in so short a time.',
    );
}
