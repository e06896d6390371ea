import { autoRoute } from 'pgherd/auto-route';
import { systemClock } from 'pgherd/internal';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { median } from './statistics.ts';

const RUNS = 9;
/** Texts that an application has in use at the same time. */
const TEXTS = 300;
const HITS = 300_000;
const NEW = 2_000;
const USAGE = `Usage: npm run bench:auto-route -- [options]

What it costs to find out by its text where a statement goes; the catalog answers at once.

  --runs N   measurements of each, of which the median counts (default ${RUNS})
  --json     print an array for programs instead of a table
  --help     print this
`;

interface Figure {
  readonly text: string;
  /** Processor time, microseconds. */
  readonly micros: number;
  readonly runs: number;
}

const textOf = (n: number) =>
  `select o.id, o.item, c.name from orders o join customers c on c.id = o.customer_id where o.id = $1 and ${n} = ${n}`;

/** A router over a catalog in which everything exists and nothing is volatile. */
function openRouter() {
  const row = (what: string, fact: string) => (name: string) => ({ what, owner: 'others', name, fact });
  return autoRoute().routerOf({
    now: () => systemClock.now(),
    ask: async (_text, [functions = [], relations = []]) => [
      ...(functions as string[]).map(row('functions', 'steady')),
      ...(relations as string[]).map(row('relations', 'r')),
    ],
  });
}

async function microsOf(count: number, work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function measure(runs: number): Promise<Figure[]> {
  const router = openRouter();
  const known = Array.from({ length: TEXTS }, (_, n) => textOf(n));
  for (const text of known) await router.routeOf(text);
  const hit = () => {
    for (let n = 0; n < HITS; n++) void router.routeOf(known[n % TEXTS] ?? '');
  };
  hit();
  const hits: number[] = [];
  const firsts: number[] = [];
  let next = TEXTS;
  for (let run = 0; run < runs; run++) {
    hits.push(await microsOf(HITS, hit));
    firsts.push(
      await microsOf(NEW, async () => {
        for (const end = next + NEW; next < end; next++) await router.routeOf(textOf(next));
      }),
    );
    for (const text of known) await router.routeOf(text);
  }
  const figure = (text: string, all: readonly number[]): Figure => ({
    text,
    micros: median(all) ?? Number.NaN,
    runs,
  });
  return [figure('known', hits), figure('new', firsts)];
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  const figures = await measure(runs);
  if (json) return toJson(figures);
  return renderGrid<Figure>(
    [
      left(['', 'text'], (row) => row.text),
      right(['', 'µs'], (row) => row.micros.toFixed(2)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, RUNS), run);
