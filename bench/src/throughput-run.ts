import { loadavg } from 'node:os';
import type { TestCluster } from '@pgherd/testing';
import { inApp } from './app-session.ts';
import { PEER_PROGRAMS, preparePrograms, type ReadyPrograms } from './peer-programs.ts';
import { median } from './statistics.ts';
import {
  type ContenderName,
  isPair,
  type PeerName,
  SUBJECTS,
  type SubjectName,
} from './throughput-contenders.ts';
import type { ThroughputOptions } from './throughput-options.ts';
import { type PeerWorker, startPeer } from './throughput-peer.ts';
import { findPgbench, PgbenchWorker } from './throughput-pgbench.ts';
import { type PairSummary, type Round, summarizePair } from './throughput-summary.ts';
import { startWorker, type Worker, type WorkerSettings } from './throughput-worker.ts';
import { type Arrangement, type Cell, TABLE } from './throughput-works.ts';

interface Pair {
  readonly subject: SubjectName;
  readonly peer: PeerName;
}

type AnyWorker = Worker | PgbenchWorker | PeerWorker;

/** What is run, where, and what is called with the progress. */
export interface Bench {
  readonly cluster: TestCluster;
  readonly options: Pick<
    ThroughputOptions,
    'works' | 'callers' | 'subjects' | 'peers' | 'runs' | 'seconds'
  > & {
    readonly python?: string;
  };
  readonly worker: WorkerSettings;
  readonly progress: (line: string) => void;
  /** Receives what each peer in another language says that it is. */
  readonly versions?: Record<string, string>;
}

/** Arrangements among which the limit is looked for. */
const LANES = [1, 2, 3, 5, 10];
/** Measurements of each arrangement, and how long each is as part of a slice. */
const TRIES = 3;
const TRY_SHARE = 0.3;
const WARM_UP_SHARE = 0.5;
/**
 * Statements after which the compiler has seen enough of a contender, and how many slices they may take on a
 * slow machine.
 */
const WARM_STATEMENTS = 20_000;
const WARM_UP_SLICES = 4;

/**
 * Every cell; in it, round by round, every pair, subject and peer one after the other, and in the next round
 * the other way round. Pairs without lanes come last.
 * @throws Error when a statement failed, or when the table does not hold every update that was acknowledged.
 */
export async function runThroughput(bench: Bench): Promise<PairSummary[]> {
  const { cluster, options } = bench;
  for (const text of TABLE) await inApp(cluster.primary, text);
  const wanted = new Set(options.works.flatMap((work) => pairsOf(work, options).map(({ peer }) => peer)));
  await using programs = await preparePrograms([...wanted], options.python ?? 'python3', bench.progress);
  const pgbench = wanted.has('pgbench') ? await findPgbench() : undefined;
  if (wanted.has('pgbench') && pgbench === undefined)
    bench.progress("pgbench is left out: it needs Debian's postgresql-contrib or postgresql");
  const runtimes: Runtimes = { programs, pgbench };
  return await runPresent(withoutAbsent(bench, runtimes), runtimes);
}

/** What peers need that are no library of Node.js. */
interface Runtimes {
  readonly programs: ReadyPrograms;
  /** Path of pgbench. */
  readonly pgbench: string | undefined;
}

/** A peer that is not installed takes no part. */
function withoutAbsent(bench: Bench, { programs, pgbench }: Runtimes): Bench {
  const absent = new Set<string>(PEER_PROGRAMS.flatMap(({ name }) => (programs.of(name) ? [] : [name])));
  if (pgbench === undefined) absent.add('pgbench');
  const peers = bench.options.peers.filter((peer) => !absent.has(peer));
  return { ...bench, options: { ...bench.options, peers } };
}

async function runPresent(bench: Bench, runtimes: Runtimes): Promise<PairSummary[]> {
  const { cluster, options } = bench;
  const pairs = options.works.flatMap((work) => pairsOf(work, options));
  const workers = new Workers(bench, runtimes);
  const summaries: PairSummary[] = [];
  try {
    await workers.start(new Set(pairs.flatMap(({ subject, peer }) => [subject, peer])));
    for (const work of options.works) {
      for (const callers of options.callers)
        summaries.push(...(await runCell(bench, workers, { work, callers })));
    }
    await assertUpdates(cluster, workers.updates);
  } finally {
    await workers.close();
  }
  return SUBJECTS.flatMap((subject) => summaries.filter((one) => one.subject === subject));
}

/** The processes of the contenders. */
class Workers {
  readonly #bench: Bench;
  readonly #runtimes: Runtimes;
  readonly #all = new Map<ContenderName, AnyWorker>();

  constructor(bench: Bench, runtimes: Runtimes) {
    this.#bench = bench;
    this.#runtimes = runtimes;
  }

  get updates(): number {
    return [...this.#all.values()].reduce((sum, worker) => sum + worker.updates, 0);
  }

  async start(names: Iterable<ContenderName>): Promise<void> {
    const starting = [...names].map(async (name) => {
      this.#all.set(name, await this.#started(name));
    });
    // Contenders that did start are closed if another one did not.
    await Promise.allSettled(starting);
    await Promise.all(starting);
  }

  async #started(name: ContenderName): Promise<AnyWorker> {
    const { cluster, worker, versions = {} } = this.#bench;
    const { programs, pgbench } = this.#runtimes;
    const servers = { cluster: cluster.url, primary: cluster.primary.url };
    if (name === 'pgbench' && pgbench !== undefined) return new PgbenchWorker(pgbench, servers.primary);
    const program = PEER_PROGRAMS.find((one) => one.name === name);
    const command = program === undefined ? undefined : programs.of(program.name);
    if (command === undefined) return startWorker(name, servers, worker);
    const peer = await startPeer(command, servers.primary);
    versions[name] = peer.version;
    return peer;
  }

  of(name: ContenderName): AnyWorker {
    const worker = this.#all.get(name);
    if (worker === undefined) throw new Error(`${name} takes no part`);
    return worker;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all.values()].map((worker) => worker.close()));
  }
}

function pairsOf(work: Cell['work'], { subjects, peers }: Bench['options']): Pair[] {
  return subjects.flatMap((subject) =>
    peers.filter((peer) => isPair(subject, peer, work)).map((peer) => ({ subject, peer })),
  );
}

async function runCell(bench: Bench, workers: Workers, cell: Cell): Promise<PairSummary[]> {
  const { options, cluster, progress } = bench;
  const { runs, seconds } = options;
  const loadAverage = loadavg()[0] ?? 0;
  const pairs = pairsOf(cell.work, options);
  const rounds = new Map<Pair, Round[]>(pairs.map((pair) => [pair, []]));
  await inApp(cluster.primary, 'vacuum analyze bench');
  for (const name of new Set(pairs.flatMap(({ subject, peer }) => [subject, peer]))) {
    await warmUp(workers.of(name), cell, seconds * WARM_UP_SHARE);
  }
  const limited = pairs.some(({ peer }) => peer === 'limit');
  const arrangement = limited ? await bestArrangement(workers.of('limit'), cell, seconds) : undefined;
  const slice = (name: ContenderName) => workers.of(name).slice({ ...cell, seconds, arrangement });
  for (let run = 0; run < runs; run++) {
    for (const [pair, those] of rounds) those.push(await runRound(pair, slice, run % 2 === 0));
    progress(`${cell.work}, ${cell.callers} callers, ${run + 1}/${runs}`);
  }
  return [...rounds].map(([pair, those]) => {
    const how = pair.peer === 'limit' && arrangement !== undefined ? worded(arrangement) : undefined;
    const summary = summarizePair({ ...cell, ...pair, arrangement: how, loadAverage }, those);
    progress(`    ${pair.subject} ${summary.ratio.toFixed(2)} of ${pair.peer}`);
    return summary;
  });
}

/**
 * Each cell begins with a slice that does not count; a contender's first cell with as many as make it warm.
 */
export async function warmUp(worker: AnyWorker, cell: Cell, seconds: number): Promise<void> {
  for (let slices = 0; slices < WARM_UP_SLICES; slices++) {
    await worker.slice({ ...cell, seconds });
    if (worker.statements >= WARM_STATEMENTS) return;
  }
}

async function runRound(
  { subject, peer }: Pair,
  slice: (name: ContenderName) => ReturnType<Worker['slice']>,
  subjectFirst: boolean,
): Promise<Round> {
  if (subjectFirst) return { subject: await slice(subject), peer: await slice(peer) };
  const sample = await slice(peer);
  return { subject: await slice(subject), peer: sample };
}

/** The arrangement with the most statements per second in short measurements, which do not count further. */
async function bestArrangement(worker: AnyWorker, cell: Cell, seconds: number): Promise<Arrangement> {
  const tried = LANES.filter((lanes) => lanes <= cell.callers).flatMap((lanes) =>
    [false, true].map((cork) => ({ arrangement: { lanes, cork }, found: [] as number[] })),
  );
  for (let turn = 0; turn < TRIES; turn++) {
    for (const { arrangement, found } of tried) {
      const sample = await worker.slice({ ...cell, seconds: seconds * TRY_SHARE, arrangement });
      found.push(sample.perSecond);
    }
  }
  const best = tried.reduce((one, other) =>
    (median(other.found) ?? 0) > (median(one.found) ?? 0) ? other : one,
  );
  return best.arrangement;
}

function worded({ lanes, cork }: Arrangement): string {
  return `${lanes} ${lanes === 1 ? 'lane' : 'lanes'}${cork ? ', corked' : ''}`;
}

/**
 * A number of statements per second means something only if the statements were executed.
 * @throws Error when the table does not hold every update that was acknowledged.
 */
export async function assertUpdates(cluster: TestCluster, acknowledged: number): Promise<void> {
  const [row] = await inApp(cluster.primary, 'select sum(n)::int as n from bench');
  if (row?.['n'] === acknowledged) return;
  throw new Error(`${acknowledged} updates were acknowledged, and the table holds ${String(row?.['n'])}`);
}
