import { existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { inApp } from './app-session.ts';
import { buildOf, OTHER_BUILD } from './throughput-contenders.ts';
import { assertUpdates, type Bench, warmUp } from './throughput-run.ts';
import { type PairSummary, type Round, summarizePair } from './throughput-summary.ts';
import { startWorker } from './throughput-worker.ts';
import { type Cell, type Sample, TABLE } from './throughput-works.ts';

const WARM_UP_SECONDS = 0.5;

/**
 * Compares this build with one in another folder: every cell; in it, round by round, both builds one after the other, and in the
 * next round the other way round. Each slice has a fresh process: what the compiler makes of a program differs from process to
 * process more than two builds do.
 * @throws Error when the other folder has no build, or as of `runThroughput`.
 */
export async function runAgainst(bench: Bench, directory: string): Promise<PairSummary[]> {
  const { cluster, options } = bench;
  if (!existsSync(fileURLToPath(buildOf(directory))))
    throw new Error(
      `--against is ${JSON.stringify(directory)}, but there is no build: run \`npm run build\` in it.`,
    );
  for (const text of TABLE) await inApp(cluster.primary, text);
  const servers = { cluster: cluster.url, primary: cluster.primary.url };
  let updates = 0;
  const slice = async (cell: Cell, build: string | undefined): Promise<Sample> => {
    const worker = await startWorker('pgherd', servers, bench.worker, build);
    try {
      await warmUp(worker, cell, WARM_UP_SECONDS);
      const sample = await worker.slice({ ...cell, seconds: options.seconds });
      updates += worker.updates;
      return sample;
    } finally {
      await worker.close();
    }
  };
  const summaries: PairSummary[] = [];
  for (const work of options.works) {
    for (const callers of options.callers)
      summaries.push(await runCell(bench, { work, callers }, slice, directory));
  }
  await assertUpdates(cluster, updates);
  return summaries;
}

async function runCell(
  { cluster, options, progress }: Bench,
  cell: Cell,
  slice: (cell: Cell, build: string | undefined) => Promise<Sample>,
  directory: string,
): Promise<PairSummary> {
  const loadAverage = loadavg()[0] ?? 0;
  const rounds: Round[] = [];
  await inApp(cluster.primary, 'vacuum analyze bench');
  for (let run = 0; run < options.runs; run++) {
    const first = await slice(cell, run % 2 === 0 ? undefined : directory);
    const second = await slice(cell, run % 2 === 0 ? directory : undefined);
    rounds.push(run % 2 === 0 ? { subject: first, peer: second } : { subject: second, peer: first });
    progress(`${cell.work}, ${cell.callers} callers, ${run + 1}/${options.runs}`);
  }
  const summary = summarizePair({ ...cell, subject: 'pgherd', peer: OTHER_BUILD, loadAverage }, rounds);
  progress(
    `    ${summary.ratio.toFixed(2)} of the other build, ${summary.clientRatio.toFixed(2)} of its processor time`,
  );
  return summary;
}
