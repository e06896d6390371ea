import type { PairSummary } from './throughput-summary.ts';
import { leastRatio, mostP99Ratio } from './throughput-targets.ts';

/** What a table of the documents shows of a pair, and whether it is as it should be. */
interface Shown {
  readonly heading: string;
  readonly cell: (row: PairSummary) => string;
}

const TABLES: readonly Shown[] = [
  { heading: 'ratio (target)', cell: (row) => withBound(row.ratio, '≥', leastRatio(row)) },
  { heading: 'p99 ratio (limit)', cell: (row) => withBound(row.p99Ratio, '≤', mostP99Ratio(row)) },
  {
    heading: 'statements/s: subject, peer',
    cell: (row) => `${thousands(row.subjectPerSecond)}, ${thousands(row.peerPerSecond)}`,
  },
  {
    heading: 'client µs: subject, peer',
    cell: (row) => `${row.subjectClientUs.toFixed(0)}, ${row.peerClientUs.toFixed(0)}`,
  },
];

/** The tables of `docs/performance.md`: a row for each pair, a column for each number of callers. */
export function renderMarkdown(rows: readonly PairSummary[]): string {
  const callers = [...new Set(rows.map((row) => row.callers))];
  const lines = new Map<string, PairSummary[]>();
  for (const row of rows) {
    const name = `${row.work} | ${row.subject} | ${row.peer}`;
    lines.set(name, [...(lines.get(name) ?? []), row]);
  }
  return TABLES.map(({ heading, cell }) => {
    const body = [...lines].map(([name, those]) => {
      const cells = callers.map((count) => {
        const found = those.find((row) => row.callers === count);
        return found === undefined ? '' : cell(found);
      });
      return `| ${name} | ${cells.join(' | ')} |\n`;
    });
    const head = `| work | subject | against | ${callers.map((count) => count.toLocaleString('en')).join(' | ')} |\n`;
    const rule = `| --- | --- | --- |${' --- |'.repeat(callers.length)}\n`;
    return `${heading}, by callers:\n\n${head}${rule}${body.join('')}`;
  }).join('\n');
}

function withBound(value: number, relation: string, bound: number | undefined): string {
  const text = value.toFixed(2);
  return bound === undefined ? text : `${text} (${relation} ${bound})`;
}

function thousands(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(1)}k`;
}
