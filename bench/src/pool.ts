import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { CYCLES, measurePools, type PoolFigure } from './pool-measure.ts';

const RUNS = 9;
const USAGE = `Usage: npm run bench:pool -- [options]

What it costs to take a resource from a pool and give it back; the resource is nothing, so that only the pool counts.

  --runs N   measurements of each, of which the median counts (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

async function run({ runs, json }: BenchArguments): Promise<string> {
  const figures = await measurePools(runs, CYCLES);
  if (json) return toJson(figures);
  return renderGrid<PoolFigure>(
    [
      left(['', 'pool'], (row) => row.pool),
      left(['', 'way'], (row) => row.way),
      right(['', 'ns'], (row) => String(row.nsPerCycle)),
      right(['', 'bytes'], (row) => String(row.bytesPerCycle)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
// Timers of idle resources are of no interest any more.
process.exit();
