import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { callsChart, firstWriteChart } from '../src/charts/failover-charts.ts';
import { failoverTable } from '../src/charts/failover-table.ts';
import { chartsOf, staleCharts, tableOf } from '../src/charts/files.ts';
import { element, text } from '../src/charts/svg.ts';
import { throughputChart } from '../src/charts/throughput-chart.ts';
import { type Summary, summarize } from '../src/summary.ts';
import { type PairSummary, summarizePair } from '../src/throughput-summary.ts';
import type { TrialResult } from '../src/verdict.ts';

const TRIAL: TrialResult = {
  firstWriteMs: 10,
  longestGapMs: 1_100,
  calls: 100,
  failedCalls: 0,
  failedRetryable: 0,
  unknownOutcome: 0,
  lostWrites: 0,
  staleWrites: 0,
  staleAcknowledged: 0,
  lateWrites: 0,
  wronglyFailed: 0,
  writtenTwice: 0,
  noNewWorkMs: undefined,
};

function summary(client: string, scenario: string, changes: Partial<TrialResult> = {}): Summary {
  return summarize({ scenario, mode: 'async', client }, [{ ...TRIAL, ...changes }]);
}

function pair(peer: PairSummary['peer'], ratio: number): PairSummary {
  const sample = (perSecond: number) => ({ perSecond, p95Ms: 1, p99Ms: 1, clientUs: 1 });
  const labels = {
    work: 'select',
    callers: 10,
    subject: 'pgherd',
    peer,
    loadAverage: 1,
    arrangement: undefined,
  } as const;
  return summarizePair(labels, [{ subject: sample(ratio * 100), peer: sample(100) }]);
}

const count = (chart: string, part: string) => chart.split(part).length - 1;

test('what comes from outside is escaped', () => {
  expect(text('<b> & "c"', 1, 2, 'small')).toBe(
    '<text class="small" x="1" y="2">&lt;b> &amp; &quot;c&quot;</text>',
  );
  expect(element('rect', { x: 1.2345, y: undefined, class: 'a"b' })).toBe('<rect x="1.2" class="a&quot;b"/>');
});

test('a dot for each client that wrote, in each scenario, and a word for one that never did', () => {
  const rows = [
    summary('pgherd', 'killed'),
    summary('pgherd', 'frozen', { firstWriteMs: 0 }),
    summary('pg.Pool', 'killed', { firstWriteMs: undefined }),
  ];
  const chart = firstWriteChart(rows);
  expect(count(chart, '<circle')).toBe(2);
  expect(count(chart, '>never</text>')).toBe(1);
  expect(count(chart, '>killed</text>') + count(chart, '>frozen</text>')).toBe(2);
  expect(chart).not.toMatch(/NaN|Infinity|undefined/);
});

test('the bars of calls are as long as their shares', () => {
  const chart = callsChart([
    summary('psycopg', 'killed', { failedRetryable: 25, unknownOutcome: 25 }),
    summary('pgx', 'killed'),
  ]);
  const widths = [...chart.matchAll(/<rect class="bar solid[^"]*" x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)];
  // The first three are the legend's.
  const [failed, unknown, ...more] = widths.slice(3).map(([, width]) => Number(width));
  expect(failed).toBe(unknown);
  expect(more).toEqual([]);
  expect(chart).toContain('>50 %</text>');
});

test('a peer that is half as fast has half a bar', () => {
  const chart = throughputChart([pair('pg.Pool', 2), pair('limit', 0.8)]);
  expect(chart).toContain('>0.50</text>');
  expect(chart).toContain('>1.25</text>');
  expect(count(chart, '>pg.Pool</text>')).toBe(1);
});

test('the table has the numbers of the charts', () => {
  const table = failoverTable([
    summary('pg.Pool', 'killed', { firstWriteMs: undefined, failedRetryable: 30 }),
    summary('pgherd', 'frozen', { unknownOutcome: 3, staleAcknowledged: 1 }),
  ]);
  expect(table.split('\n')).toEqual([
    '| ms; calls | killed | frozen |',
    '| --- | --- | --- |',
    '| pgherd |  | 10; 3 unknown; 1 stale |',
    '| pg.Pool | never; 30 failed |  |',
    '',
  ]);
});

test('the charts of the documents are those of the results in the repository', async () => {
  expect(await staleCharts(path.join(import.meta.dirname, '..', '..'))).toEqual([]);
});

test('several files of results make one chart; one that is no longer theirs is named', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'pgherd-charts-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(path.join(root, 'bench/results'), { recursive: true });
  await mkdir(path.join(root, 'docs/figures'), { recursive: true });
  const save = (name: string, rows: readonly unknown[]) =>
    writeFile(path.join(root, 'bench/results', name), JSON.stringify({ rows }));
  await save('failover-1.json', [summary('pgherd', 'killed')]);
  await save('failover-2.json', [summary('pgherd', 'frozen')]);
  await save('throughput.json', [pair('pg.Pool', 2)]);
  const charts = await chartsOf(root);
  expect(count(charts.get('failover-first-write.svg') ?? '', '<circle')).toBe(2);
  for (const [name, chart] of charts) await writeFile(path.join(root, 'docs/figures', name), chart);
  await writeFile(path.join(root, 'docs/performance.md'), `# P\n\n${await tableOf(root)}\nEnd.\n`);
  expect(await staleCharts(root)).toEqual([]);
  await save('failover-2.json', [summary('pgherd', 'frozen', { firstWriteMs: 500 })]);
  expect(await staleCharts(root)).toEqual(['failover-first-write.svg', 'docs/performance.md']);
});
