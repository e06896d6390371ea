import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runBench } from './arguments.ts';
import { chartsOf, staleCharts } from './charts/files.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const USAGE = `Usage: npm run bench:charts -- [options]

Draws the charts of docs/figures from bench/results, which the benchmarks write with --json FILE.

  --check  write nothing; name the charts that are not those of the results
  --help   print this
`;

async function run({ check }: { readonly check: boolean }): Promise<string> {
  if (check) {
    const stale = await staleCharts(ROOT);
    if (stale.length === 0) return 'The charts are those of the results.\n';
    process.exitCode = 1;
    return `Not those of the results: ${stale.join(', ')}. Run npm run bench:charts.\n`;
  }
  const charts = await chartsOf(ROOT);
  for (const [name, chart] of charts) await writeFile(path.join(ROOT, 'docs/figures', name), chart);
  return `${[...charts.keys()].map((name) => `docs/figures/${name}\n`).join('')}`;
}

function parse(args: readonly string[]): { readonly check: boolean } | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  return values.help ? undefined : { check: values.check };
}

await runBench(USAGE, parse, run);
