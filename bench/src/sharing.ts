import { createTestCluster, type TestCluster, type TestNode } from '@pgherd/testing';
import { type Cluster, type ClusterOptions, createCluster } from 'pgherd';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { median } from './statistics.ts';

const RUNS = 5;
const USAGE = `Usage: npm run bench:sharing -- [options]

How long reads take while one of three standbys answers 80 ms later than the others, and how long while all are equal, measured one
after the other in each run.

  --runs N   runs of each way to share, of which the medians count (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

/** Delay of the slow node, each way, milliseconds. */
const DELAY_MS = 40;
/** Reads a second, and for how long they are measured, milliseconds. */
const READS_PER_SECOND = 200;
const MEASURED_MS = 4_000;
/** From the beginning of the delay to the measurement, milliseconds: an ejection takes three looks. */
const SETTLING_MS = 5_000;
const TEXT = 'select id, name from item where id = $1';

const WAYS: readonly (readonly [string, ClusterOptions])[] = [
  ['round-robin', { policy: 'round-robin' }],
  ['round-robin, eject', { policy: 'round-robin', eject: { baseMs: 60_000 } }],
  ['round-robin, hedge', { policy: 'round-robin', hedge: true, retry: { budgetRatio: 0.5 } }],
  ['p2c', { policy: 'p2c' }],
  ['p2c, hedge', { policy: 'p2c', hedge: true }],
  ['p2c, hedge, eject', { policy: 'p2c', hedge: true, eject: { baseMs: 60_000 } }],
];

interface Sample {
  readonly healthyP50: number;
  readonly healthyP99: number;
  readonly slowP50: number;
  readonly slowP99: number;
  readonly ratio: number;
  readonly hedges: number;
}

interface Figure extends Sample {
  readonly way: string;
  readonly runs: number;
}

/** The durations of reads that come regularly, whatever became of those before, milliseconds; sorted. */
async function durations(db: Cluster, ms: number): Promise<number[]> {
  const took: number[] = [];
  const pending: Promise<void>[] = [];
  const beganAt = performance.now();
  let sent = 0;
  const read = async () => {
    const startedAt = performance.now();
    await db.query(TEXT, [1 + (sent % 100)]);
    took.push(performance.now() - startedAt);
  };
  for (let passedMs = 0; passedMs < ms; passedMs = performance.now() - beganAt) {
    for (; sent < (passedMs * READS_PER_SECOND) / 1_000; sent++) pending.push(read());
    await new Promise((resolve) => setTimeout(resolve, 1_000 / READS_PER_SECOND));
  }
  await Promise.all(pending);
  return took.sort((one, other) => one - other);
}

const quantile = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;

async function sample(cluster: TestCluster, slow: TestNode, options: ClusterOptions): Promise<Sample> {
  await using db = createCluster({
    url: cluster.url,
    env: {},
    target: 'standby',
    waitTimeoutMs: 60_000,
    ...options,
  });
  let hedges = 0;
  db.on('call:hedged', () => {
    hedges++;
  });
  await db.ready({ standbys: 3 });
  await durations(db, 1_500);
  const healthy = await durations(db, MEASURED_MS);
  await using _delay = await slow.proxy.delay(DELAY_MS);
  await durations(db, SETTLING_MS);
  hedges = 0;
  const one = await durations(db, MEASURED_MS);
  const [healthyP99, slowP99] = [quantile(healthy, 0.99), quantile(one, 0.99)];
  return {
    healthyP50: quantile(healthy, 0.5),
    healthyP99,
    slowP50: quantile(one, 0.5),
    slowP99,
    ratio: slowP99 / healthyP99,
    hedges,
  };
}

function figureOf(way: string, samples: readonly Sample[]): Figure {
  const middle = (of: (one: Sample) => number) => median(samples.map(of)) ?? Number.NaN;
  return {
    way,
    healthyP50: middle(({ healthyP50 }) => healthyP50),
    healthyP99: middle(({ healthyP99 }) => healthyP99),
    slowP50: middle(({ slowP50 }) => slowP50),
    slowP99: middle(({ slowP99 }) => slowP99),
    ratio: middle(({ ratio }) => ratio),
    hedges: middle(({ hedges }) => hedges),
    runs: samples.length,
  };
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 3, proxy: true });
  const [slow] = cluster.standbys;
  if (slow === undefined) throw new Error('there is no standby');
  await using db = createCluster({ url: cluster.url, env: {}, waitTimeoutMs: 60_000 });
  await db.script(`create table item as select id, 'item ' || id as name from generate_series(1, 100) as id;
    alter table item add primary key (id)`);
  const samples = new Map<string, Sample[]>(WAYS.map(([way]) => [way, []]));
  // One after the other in turn, so that a busy minute of the machine strikes all of them.
  for (let turn = 0; turn < runs; turn++) {
    for (const [way, options] of WAYS) samples.get(way)?.push(await sample(cluster, slow, options));
  }
  const figures = [...samples].map(([way, list]) => figureOf(way, list));
  if (json) return toJson(figures);
  const ms = (value: number) => value.toFixed(1);
  return renderGrid<Figure>(
    [
      left(['', 'way'], (row) => row.way),
      right(['all equal', 'p50 ms'], (row) => ms(row.healthyP50)),
      right(['', 'p99 ms'], (row) => ms(row.healthyP99)),
      right(['one slow', 'p50 ms'], (row) => ms(row.slowP50)),
      right(['', 'p99 ms'], (row) => ms(row.slowP99)),
      right(['p99', 'ratio'], (row) => row.ratio.toFixed(2)),
      right(['', 'hedges'], (row) => String(row.hedges)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
