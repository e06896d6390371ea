import { createTestCluster } from '@pgherd/testing';
import { inApp } from './app-session.ts';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { type MemoryFigure, measureMemory } from './memory-measure.ts';
import { TABLE } from './throughput-works.ts';

const RUNS = 5;
const CONNECTIONS = 200;
const CALLERS = 100_000;
const USAGE = `Usage: npm run bench:memory -- [options]

Bytes of an idle connection (${CONNECTIONS} connections) and of a caller that waits for a connection (${CALLERS} callers), on a
real server, each measured in a process of its own.

  --runs N   measurements of each, of which the median counts (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 0 });
  for (const text of TABLE) await inApp(cluster.primary, text);
  const figures = await measureMemory(cluster.url, { connections: CONNECTIONS, callers: CALLERS, runs });
  if (json) return toJson(figures);
  return renderGrid<MemoryFigure>(
    [
      left(['', 'what'], (row) => row.what),
      right(['', 'bytes'], (row) => String(row.bytes)),
      right(['', 'limit'], (row) => String(row.limit ?? '')),
      right(['', 'count'], (row) => String(row.count)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
