import { createTestCluster } from '@pgherd/testing';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { messageFrom, startProcess } from './processes.ts';
import { median } from './statistics.ts';
import { type Floor, type Slice, type SliceRequest, WAYS, type Way } from './telemetry-ways.ts';

const RUNS = 15;
const CALLERS = 100;
const WARM_UP_MS = 700;
const SLICE_MS = 1_000;
const USAGE = `Usage: npm run bench:telemetry -- [options]

Statements per second of ${CALLERS} callers that are observed, against a process in which nothing observes them: slices of
${SLICE_MS} ms in turn, each in a process of its own, the order reversed in every other round. Ratios are medians of those of the rounds.
Below it, what the libraries themselves need for one statement, in loops without pgherd.

  --runs N   rounds (default ${RUNS})
  --json     print an object for programs instead of tables
  --help     print this
`;

interface Figure {
  readonly way: Way;
  readonly perSecond: number;
  /** Throughput that it costs, of that of nothing. */
  readonly lost: number;
  /** Processor time that it needs for each statement more than nothing does, microseconds. */
  readonly cpuMicros: number;
  readonly runs: number;
}

async function slice(url: string, way: Way): Promise<Slice> {
  const request: SliceRequest = { url, way, callers: CALLERS, warmUpMs: WARM_UP_MS, sliceMs: SLICE_MS };
  return messageFrom<Slice>(startProcess('./telemetry-process.ts', request), way);
}

async function rounds(url: string, runs: number): Promise<ReadonlyMap<Way, readonly Slice[]>> {
  const found = new Map<Way, Slice[]>(WAYS.map((way) => [way, []]));
  for (let round = 0; round < runs; round++) {
    for (const way of round % 2 === 0 ? WAYS : WAYS.toReversed()) found.get(way)?.push(await slice(url, way));
  }
  return found;
}

function figuresOf(found: ReadonlyMap<Way, readonly Slice[]>): Figure[] {
  const plain = found.get('nothing') ?? [];
  return [...found].map(([way, slices]) => {
    const against = (compare: (one: Slice, other: Slice) => number) =>
      median(slices.map((one, at) => compare(one, plain[at] ?? one))) ?? 0;
    return {
      way,
      perSecond: median(slices.map(({ perSecond }) => perSecond)) ?? 0,
      lost: 1 - against((one, other) => one.perSecond / other.perSecond),
      cpuMicros: against((one, other) => one.cpuMicros - other.cpuMicros),
      runs: slices.length,
    };
  });
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 0 });
  const figures = figuresOf(await rounds(cluster.url, runs));
  const floors = await messageFrom<Floor[]>(startProcess('./telemetry-floor.ts', {}), 'the libraries');
  if (json) return toJson({ figures, floors });
  const observed = renderGrid<Figure>(
    [
      left(['', 'observed by'], (row) => row.way),
      right(['statements', 'per second'], (row) => row.perSecond.toFixed(0)),
      right(['', 'costs'], (row) => `${(row.lost * 100).toFixed(1)} %`),
      right(['more µs', 'per statement'], (row) => row.cpuMicros.toFixed(1)),
      right(['', 'rounds'], (row) => String(row.runs)),
    ],
    figures,
  );
  const alone = renderGrid<Floor>(
    [left(['', 'the libraries alone'], (row) => row.what), right(['', 'µs'], (row) => row.micros.toFixed(2))],
    floors,
  );
  return `${observed}\n${alone}`;
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
