import { createTestCluster } from '@pgherd/testing';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { messageFrom, startProcess } from './processes.ts';
import { median } from './statistics.ts';
import { type Floor, OBSERVED_WAYS, type Slice, type SliceRequest, type Way } from './telemetry-ways.ts';

const RUNS = 15;
const CALLERS = 100;
const WARM_UP_MS = 1_000;
const SLICE_MS = 1_000;
const USAGE = `Usage: npm run bench:telemetry -- [options]

Statements per second of ${CALLERS} callers that are observed, each slice of ${SLICE_MS} ms in a process of its own, and right before or behind
one that nothing observes: what else the machine does meets both. Costs are medians over the rounds, of throughput and of processor time.
Below it, what the libraries themselves need for one statement, in loops without pgherd.

  --runs N   rounds (default ${RUNS})
  --json     print an object for programs instead of tables
  --help     print this
`;

/** A slice, and the one beside it that nothing observed. */
interface Pair {
  readonly slice: Slice;
  readonly plain: Slice;
}

interface Figure {
  readonly way: Way;
  readonly perSecond: number;
  /** Throughput that it costs, of that of nothing. */
  readonly lost: number;
  /** Processor time of the process for each statement, microseconds. */
  readonly cpuMicros: number;
  /** Part of it that would not be there without observation. */
  readonly cpuCosts: number;
  readonly runs: number;
}

async function slice(url: string, way: Way): Promise<Slice> {
  const request: SliceRequest = { url, way, callers: CALLERS, warmUpMs: WARM_UP_MS, sliceMs: SLICE_MS };
  return messageFrom<Slice>(startProcess('./telemetry-process.ts', request), way);
}

async function pair(url: string, way: Way, plainFirst: boolean): Promise<Pair> {
  const before = plainFirst ? await slice(url, 'nothing') : undefined;
  const observed = await slice(url, way);
  return { slice: observed, plain: before ?? (await slice(url, 'nothing')) };
}

async function rounds(url: string, runs: number): Promise<ReadonlyMap<Way, readonly Pair[]>> {
  const found = new Map<Way, Pair[]>(OBSERVED_WAYS.map((way) => [way, []]));
  for (let round = 0; round < runs; round++)
    for (const way of OBSERVED_WAYS) found.get(way)?.push(await pair(url, way, round % 2 === 0));
  return found;
}

function figuresOf(found: ReadonlyMap<Way, readonly Pair[]>): Figure[] {
  const plain = [...found.values()].flat().map((one): Pair => ({ slice: one.plain, plain: one.plain }));
  return [['nothing', plain] as const, ...found].map(([way, pairs]) => {
    const middle = (of: (one: Pair) => number) => median(pairs.map(of)) ?? 0;
    return {
      way,
      perSecond: middle((one) => one.slice.perSecond),
      lost: 1 - middle((one) => one.slice.perSecond / one.plain.perSecond),
      cpuMicros: middle((one) => one.slice.cpuMicros),
      cpuCosts: 1 - middle((one) => one.plain.cpuMicros / one.slice.cpuMicros),
      runs: pairs.length,
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
      right(['costs of', 'throughput'], (row) => `${(row.lost * 100).toFixed(1)} %`),
      right(['processor µs', 'per statement'], (row) => row.cpuMicros.toFixed(1)),
      right(['costs of', 'processor'], (row) => `${(row.cpuCosts * 100).toFixed(1)} %`),
      right(['', 'slices'], (row) => String(row.runs)),
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
