import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { readResults } from '../results.ts';
import type { Summary } from '../summary.ts';
import type { PairSummary } from '../throughput-summary.ts';
import { callsChart, firstWriteChart } from './failover-charts.ts';
import { failoverTable } from './failover-table.ts';
import { throughputChart } from './throughput-chart.ts';

/** The charts, by their files in `docs/figures`. */
export async function chartsOf(root: string): Promise<ReadonlyMap<string, string>> {
  const failover = await rowsOf<Summary>(root, 'failover');
  const throughput = await rowsOf<PairSummary>(root, 'throughput');
  return new Map([
    ['failover-first-write.svg', firstWriteChart(failover)],
    ['failover-calls.svg', callsChart(failover)],
    ['throughput.svg', throughputChart(throughput)],
  ]);
}

/** The page that holds the table of the failover's numbers. */
const PAGE = 'docs/performance.md';

/** The table of the failover's numbers, as the page holds it. */
export async function tableOf(root: string): Promise<string> {
  return failoverTable(await rowsOf<Summary>(root, 'failover'));
}

/** The rows of all results whose file begins so, in the order of their names. */
async function rowsOf<R>(root: string, beginning: string): Promise<R[]> {
  const folder = path.join(root, 'bench/results');
  const files = (await readdir(folder)).filter((name) => name.startsWith(beginning)).sort();
  const all = await Promise.all(files.map((name) => readResults<R>(path.join(folder, name))));
  return all.flatMap(({ rows }) => rows);
}

/** The charts that are not those of the results, and the page if its table is not. */
export async function staleCharts(root: string): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, chart] of await chartsOf(root)) {
    const file = path.join(root, 'docs/figures', name);
    const present = existsSync(file) ? await readFile(file, 'utf8') : undefined;
    if (present !== chart) stale.push(name);
  }
  const page = await readFile(path.join(root, PAGE), 'utf8');
  return page.includes(await tableOf(root)) ? stale : [...stale, PAGE];
}
