import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { createTestCluster } from '@pgherd/testing';
import { runBench, toJson } from './arguments.ts';
import { writeResults } from './results.ts';
import { runAgainst } from './throughput-against.ts';
import { renderMarkdown } from './throughput-markdown.ts';
import { parseThroughputOptions, THROUGHPUT_USAGE, type ThroughputOptions } from './throughput-options.ts';
import { runThroughput } from './throughput-run.ts';
import { renderPairs } from './throughput-summary.ts';
import { SERVER_SETTINGS } from './throughput-works.ts';

async function run(options: ThroughputOptions): Promise<string> {
  const profile = options.profile === undefined ? undefined : resolve(options.profile);
  if (profile !== undefined) mkdirSync(profile, { recursive: true });
  await using cluster = await createTestCluster({ standbys: options.standbys, settings: SERVER_SETTINGS });
  const progress = (line: string) => void process.stderr.write(`${line}\n`);
  const versions: Record<string, string> = {};
  const bench = { cluster, options, worker: { profile }, progress, versions };
  const { against } = options;
  const summaries =
    against === undefined ? await runThroughput(bench) : await runAgainst(bench, resolve(against));
  if (options.file !== undefined) await writeResults(options.file, 'bench:throughput', summaries, versions);
  if (options.json) return toJson(summaries);
  return options.markdown ? renderMarkdown(summaries) : renderPairs(summaries);
}

await runBench(THROUGHPUT_USAGE, parseThroughputOptions, run);
