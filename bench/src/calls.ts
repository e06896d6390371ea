import { createTestCluster } from '@pgherd/testing';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { type CallFigure, measureCalls } from './calls-measure.ts';
import { left, renderGrid, right } from './grid.ts';

const RUNS = 5;
const CALLERS = 100_000;
const LEASES = 2_000;
const USAGE = `Usage: npm run bench:calls -- [options]

What a call costs that is refused because too many wait (${CALLERS} at once), and what it costs to reset a connection when a lease is
given back (${LEASES} leases, one after the other), on a real server.

  --runs N   measurements of each, of which the median counts (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 0 });
  const figures = await measureCalls(cluster.url, { callers: CALLERS, leases: LEASES, runs });
  if (json) return toJson(figures);
  return renderGrid<CallFigure>(
    [
      left(['', 'what'], (row) => row.what),
      right(['client', 'µs'], (row) => row.clientUs.toFixed(1)),
      right(['all in all', 'µs'], (row) => row.wallUs?.toFixed(0) ?? ''),
      right(['', 'limit'], (row) => String(row.limit ?? '')),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
