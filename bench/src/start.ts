import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createTestCluster } from '@pgherd/testing';
import { type BenchArguments, parseBenchArguments, runBench, toJson } from './arguments.ts';
import { left, renderGrid, right } from './grid.ts';
import { messageFrom } from './processes.ts';
import { median } from './statistics.ts';

const ROUNDS = 15;
/** The first connection of pgherd may take this many times that of `pg.Pool`. */
const LIMIT = 1.5;
const USAGE = `Usage: npm run bench:start -- [options]

Milliseconds until the first connection of a program, each in a fresh process, in turn: pg.Pool to the primary, pgherd with that host,
and pgherd with three hosts, of which it has to find the primary; createPool of pgherd/pg with the same hosts.

  --runs N   rounds, of which the median counts (default ${ROUNDS})
  --json     print an array for programs instead of a table
  --help     print this
`;

interface Contender {
  readonly who: 'pg.Pool' | 'pgherd' | 'createPool';
  readonly hosts: number;
  readonly url: string;
}

interface Figure {
  readonly who: string;
  readonly hosts: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Of the median to that of `pg.Pool`. */
  readonly ratio: number;
  readonly runs: number;
}

async function firstConnectionMs(contender: Contender): Promise<number> {
  const program = fileURLToPath(new URL('./start-process.mjs', import.meta.url));
  const child = fork(program, [JSON.stringify(contender)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return messageFrom<number>(child, contender.who);
}

async function run({ runs, json }: BenchArguments): Promise<string> {
  await using cluster = await createTestCluster({ standbys: 2 });
  const contenders: readonly Contender[] = [
    { who: 'pg.Pool', hosts: 1, url: cluster.primary.url },
    { who: 'pgherd', hosts: 1, url: cluster.primary.url },
    { who: 'pgherd', hosts: 3, url: cluster.url },
    { who: 'createPool', hosts: 1, url: cluster.primary.url },
    { who: 'createPool', hosts: 3, url: cluster.url },
  ];
  const times = contenders.map((): number[] => []);
  // One round is for the disk's cache.
  for (let round = 0; round <= runs; round++) {
    for (const [index, contender] of contenders.entries()) {
      const ms = await firstConnectionMs(contender);
      if (round > 0) times[index]?.push(ms);
    }
  }
  const base = median(times[0] ?? []) ?? Number.NaN;
  const figures = contenders.map(({ who, hosts }, index): Figure => {
    const own = times[index] ?? [];
    const medianMs = median(own) ?? Number.NaN;
    return {
      who,
      hosts,
      medianMs,
      minMs: Math.min(...own),
      maxMs: Math.max(...own),
      ratio: medianMs / base,
      runs,
    };
  });
  if (json) return toJson(figures);
  return renderGrid<Figure>(
    [
      left(['', 'who'], (row) => row.who),
      right(['', 'hosts'], (row) => String(row.hosts)),
      right(['median', 'ms'], (row) => row.medianMs.toFixed(1)),
      right(['least', 'ms'], (row) => row.minMs.toFixed(1)),
      right(['most', 'ms'], (row) => row.maxMs.toFixed(1)),
      right(['×', 'pg.Pool'], (row) => row.ratio.toFixed(2)),
      right(['', 'limit'], (row) => (row.who === 'pg.Pool' ? '' : String(LIMIT))),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, ROUNDS), run);
