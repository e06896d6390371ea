import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runBench } from './arguments.ts';
import { chartsOf, staleCharts, tableOf } from './charts/files.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const USAGE = `Usage: npm run bench:charts -- [options]

Draws the charts of docs/figures from bench/results, which the benchmarks write with --json FILE.

  --table  print the table of docs/performance.md as well
  --check  write nothing; name what is not that of the results
  --help   print this
`;

interface ChartsOptions {
  readonly check: boolean;
  readonly table: boolean;
}

async function run({ check, table }: ChartsOptions): Promise<string> {
  if (check) {
    const stale = await staleCharts(ROOT);
    if (stale.length === 0) return 'The charts are those of the results.\n';
    process.exitCode = 1;
    return `Not those of the results: ${stale.join(', ')}. Run npm run bench:charts -- --table.\n`;
  }
  const charts = await chartsOf(ROOT);
  for (const [name, chart] of charts) await writeFile(path.join(ROOT, 'docs/figures', name), chart);
  const files = [...charts.keys()].map((name) => `docs/figures/${name}\n`).join('');
  return table ? `${files}\n${await tableOf(ROOT)}` : files;
}

function parse(args: readonly string[]): ChartsOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      check: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return values.help ? undefined : { check: values.check, table: values.table };
}

await runBench(USAGE, parse, run);
