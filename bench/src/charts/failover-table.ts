import { CLIENTS } from '../clients.ts';
import { SCENARIOS } from '../scenarios.ts';
import type { Spread } from '../statistics.ts';
import type { Summary } from '../summary.ts';

/** The numbers of the charts, as a table of Markdown: a row for each client, a column for each scenario. */
export function failoverTable(rows: readonly Summary[]): string {
  const scenarios = SCENARIOS.map(({ name }) => name).filter((name) =>
    rows.some((row) => row.scenario === name),
  );
  const clients = CLIENTS.map(({ name }) => name).filter((name) => rows.some((row) => row.client === name));
  const lines = clients.map((client) => {
    const cells = scenarios.map((scenario) => {
      const found = rows.find((row) => row.client === client && row.scenario === scenario);
      return found === undefined ? '' : cell(found);
    });
    return `| ${client} | ${cells.join(' | ')} |\n`;
  });
  const rule = `| --- |${' --- |'.repeat(scenarios.length)}\n`;
  return `| ms; calls | ${scenarios.join(' | ')} |\n${rule}${lines.join('')}`;
}

/** `14 to 19; 13 unknown`: median and worst first write, and the calls of a trial that were not simply acknowledged. */
function cell({ firstWriteMs, trials, ...counts }: Summary): string {
  const each = (count: number, what: string) => {
    if (count === 0) return [];
    const mean = count / trials;
    return [`${mean < 10 ? Number(mean.toFixed(1)) : Math.round(mean)} ${what}`];
  };
  return [
    times(firstWriteMs),
    ...each(counts.failedRetryable, 'failed'),
    ...each(counts.unknownOutcome, 'unknown'),
    ...each(counts.staleAcknowledged, 'stale'),
  ].join('; ');
}

function times({ median, max }: Spread): string {
  if (median === null) return 'never';
  return median === max ? String(median) : `${median} to ${max ?? 'never'}`;
}
