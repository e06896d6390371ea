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
and pgherd with three hosts, of which it has to find the primary; createPool of pgherd/pg with the same hosts. "whole" begins before the
import and includes making the pool or cluster; "cpu" is the processor time of it.

  --runs N   rounds, of which the median counts (default ${ROUNDS})
  --json     print an array for programs instead of a table
  --help     print this
`;

interface Contender {
  readonly who: 'pg.Pool' | 'pgherd' | 'createPool';
  readonly hosts: number;
  readonly url: string;
}

/** What one process measured. */
interface Start {
  readonly firstMs: number;
  readonly wholeMs: number;
  readonly wholeCpuMs: number;
}

interface Figure {
  readonly who: string;
  readonly hosts: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Of the median to that of `pg.Pool`. */
  readonly ratio: number;
  /** From before the import to the first connection, and the processor time of that: medians. */
  readonly wholeMs: number;
  readonly wholeCpuMs: number;
  readonly wholeRatio: number;
  readonly runs: number;
}

async function started(contender: Contender): Promise<Start> {
  const program = fileURLToPath(new URL('./start-process.mjs', import.meta.url));
  const child = fork(program, [JSON.stringify(contender)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return messageFrom<Start>(child, contender.who);
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
  const starts = contenders.map((): Start[] => []);
  // One round is for the disk's cache.
  for (let round = 0; round <= runs; round++) {
    for (const [index, contender] of contenders.entries()) {
      const start = await started(contender);
      if (round > 0) starts[index]?.push(start);
    }
  }
  const medianOf = (index: number, value: keyof Start) =>
    median((starts[index] ?? []).map((start) => start[value])) ?? Number.NaN;
  const figures = contenders.map(({ who, hosts }, index): Figure => {
    const own = (starts[index] ?? []).map(({ firstMs }) => firstMs);
    const [medianMs, wholeMs] = [medianOf(index, 'firstMs'), medianOf(index, 'wholeMs')];
    return {
      who,
      hosts,
      medianMs,
      minMs: Math.min(...own),
      maxMs: Math.max(...own),
      ratio: medianMs / medianOf(0, 'firstMs'),
      wholeMs,
      wholeCpuMs: medianOf(index, 'wholeCpuMs'),
      wholeRatio: wholeMs / medianOf(0, 'wholeMs'),
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
      right(['whole', 'ms'], (row) => row.wholeMs.toFixed(1)),
      right(['whole', 'cpu ms'], (row) => row.wholeCpuMs.toFixed(1)),
      right(['whole ×', 'pg.Pool'], (row) => row.wholeRatio.toFixed(2)),
      right(['', 'runs'], (row) => String(row.runs)),
    ],
    figures,
  );
}

await runBench(USAGE, (args) => parseBenchArguments(args, ROUNDS), run);
