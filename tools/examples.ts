import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestCluster, type TestCluster } from '@pgherd/testing';
import pg from 'pg';
import { checkApplications } from './applications.ts';
import { blocksForLibraries, compileBlocks } from './docs/blocks.ts';
import { LoadedExample, type LoadState } from './lib/example-process.ts';
import { type Finding, isMain, runAsCommand } from './lib/findings.ts';
import { pack } from './lib/pack.ts';
import { run } from './lib/run.ts';

/** What the folder `examples` has beside the libraries. */
const NO_LIBRARY: readonly string[] = ['applications', 'lib', 'node_modules'];
/** Acknowledged writes of a library after which a fault counts as survived. */
const PROGRESS = 20;
/** How long a manager of the cluster takes to notice, ms. */
const FAILOVER_AFTER_MS = 500;
/** Calls of a library that are under way at a time; its pool has as many connections. */
const IN_FLIGHT = 4;
/** The example without a library, with which the others are compared. */
const CORE = 'core';
/** The longest time without a write may be so many times that of the core, and so much longer: several processes share the processors, ms. */
const GAP_FACTOR = 2;
const GAP_NOISE_MS = 500;

/** Prisma's generator fetches an engine that it does not use, unless a file is named. */
const PRISMA_WITHOUT_ENGINE = Object.freeze({ PRISMA_SCHEMA_ENGINE_BINARY: process.execPath });

/** One fault: resolves when a new primary is there. The second function resolves when all three nodes are well again. */
interface Fault {
  readonly name: string;
  begin(cluster: TestCluster): Promise<() => Promise<void>>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'kill',
    begin: async (cluster) => {
      const old = cluster.primary;
      await old.kill();
      await cluster.failover({ afterMs: FAILOVER_AFTER_MS });
      return () => old.rejoin();
    },
  },
  {
    name: 'switchover',
    begin: async (cluster) => {
      const [to] = cluster.standbys;
      if (to === undefined) throw new Error('A switchover takes a standby.');
      await cluster.switchover(to);
      return async () => undefined;
    },
  },
  {
    name: 'freeze',
    begin: async (cluster) => {
      const old = cluster.primary;
      await old.freeze();
      await cluster.failover({ afterMs: FAILOVER_AFTER_MS });
      return async () => {
        await old.thaw();
        await old.rejoin();
      };
    },
  },
  {
    name: 'partition',
    begin: async (cluster) => {
      const old = cluster.primary;
      await old.partition({ mode: 'blackhole', direction: 'both' });
      await cluster.failover({ afterMs: FAILOVER_AFTER_MS });
      return async () => {
        await old.heal();
        await old.rejoin();
      };
    },
  },
];

/** Installs the packed pgherd beside the libraries, and runs all examples on one cluster through all faults. Build first. */
export async function checkExamples(root: string): Promise<Finding[]> {
  const folder = join(root, 'examples');
  const problem = await prepare(root, folder);
  if (problem !== undefined) return [{ file: 'examples', message: problem }];
  const guides = compileBlocks(root, blocksForLibraries(root), { folder: 'examples', conditions: [] });
  const names = chosen(folder);
  if (names.length === 0) return guides;
  if (!names.includes(CORE)) names.unshift(CORE);
  await using cluster = await createTestCluster({
    standbys: 2,
    proxy: true,
    synchronous: { commit: 'on', any: 1 },
    settings: { max_connections: 400 },
  });
  return [...guides, ...(await underFaults(cluster, folder, names))];
}

/** The folders below, or those that `--only=a,b` names. */
function chosen(folder: string): string[] {
  const only = process.argv.find((one) => one.startsWith('--only='))?.slice('--only='.length);
  const all = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !NO_LIBRARY.includes(entry.name))
    .map(({ name }) => name)
    .sort();
  return only === undefined ? all : all.filter((name) => only.split(',').includes(name));
}

/** Runs the applications, with what {@link checkExamples} has installed. */
async function checkMoved(root: string): Promise<Finding[]> {
  const folder = join(root, 'examples/applications');
  return await checkApplications(
    folder,
    join(root, 'examples/node_modules/node-24/bin/node'),
    chosen(folder),
  );
}

/** Installs what the lock says, with pgherd as it would be published, and compiles the examples. */
async function prepare(root: string, folder: string): Promise<string | undefined> {
  const temporary = mkdtempSync(join(tmpdir(), 'pgherd-examples-'));
  try {
    const packed = pack(join(root, 'packages/pgherd'), temporary);
    if (typeof packed === 'string') return `pgherd cannot be packed:\n${packed}`;
    const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    const tarball = join(temporary, packed.filename);
    const steps = [
      ['npm', 'install', tarball, ...flags],
      ['npm', 'run', 'prisma:generate'],
      ['npm', 'run', 'types'],
    ];
    for (const [program = '', ...args] of steps) {
      const { code, output } = await run(program, args, folder, PRISMA_WITHOUT_ENGINE);
      if (code !== 0) return `${program} ${args.slice(0, 2).join(' ')} fails:\n${output}`;
    }
    return undefined;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function underFaults(
  cluster: TestCluster,
  folder: string,
  names: readonly string[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const report = (name: string, message: string) => findings.push({ file: `examples/${name}`, message });
  const examples: LoadedExample[] = [];
  try {
    for (const name of names) examples.push(new LoadedExample(folder, name, cluster.url));
    for (const one of examples) await one.ready;
    const rows = new Map(examples.map(({ name, done }) => [name, [name, done.join(', ')]]));
    for (const fault of FAULTS) {
      await Promise.all(examples.map((one) => one.begin()));
      const mend = await fault.begin(cluster);
      for (const one of examples) await one.more(PROGRESS);
      await mend();
      await cluster.waitForStreaming();
      const states = new Map<string, LoadState>();
      for (const one of examples) states.set(one.name, await one.state());
      const coreGapMs = states.get(CORE)?.gapMs ?? 0;
      for (const [name, state] of states) {
        const { failures, gapMs } = state;
        rows.get(name)?.push(`${failures.length} failed, gap ${Math.round(gapMs)} ms`);
        for (const problem of problemsOf(state, coreGapMs)) report(name, `${fault.name}: ${problem}`);
      }
    }
    for (const one of examples) for (const message of await judge(cluster, one)) report(one.name, message);
    console.log(`| library | does | ${FAULTS.map(({ name }) => name).join(' | ')} |`);
    console.log(`| --- | --- | ${FAULTS.map(() => '---').join(' | ')} |`);
    for (const row of rows.values()) console.log(`| ${row.join(' | ')} |`);
  } catch (error) {
    findings.push({ file: 'examples', message: String(error) });
  } finally {
    for (const one of examples) one.kill();
  }
  return findings;
}

/** What a fault did that it must not do: only calls that were under way may fail, and writes go on as soon as those of the core. */
function problemsOf({ failures, gapMs }: LoadState, coreGapMs: number): string[] {
  const problems: string[] = [];
  if (failures.length > IN_FLIGHT)
    problems.push(
      `${failures.length} calls failed, and ${IN_FLIGHT} were under way:\n${failures.join('\n')}`,
    );
  if (gapMs > GAP_FACTOR * coreGapMs + GAP_NOISE_MS)
    problems.push(`no write for ${Math.round(gapMs)} ms; for ${Math.round(coreGapMs)} ms of the core.`);
  return problems;
}

/** What is lost of the acknowledged writes, and what is there twice. */
async function judge(cluster: TestCluster, example: LoadedExample): Promise<string[]> {
  const acknowledged = await example.end();
  const client = new pg.Client(cluster.primary.url);
  await client.connect();
  try {
    const { rows } = await client.query<{ id: number }>(example.stored);
    const there = new Set<number>();
    const twice = rows.filter(({ id }) => there.size === there.add(id).size);
    const lost = acknowledged.filter((id) => !there.has(id));
    const messages: string[] = [];
    if (lost.length > 0)
      messages.push(`${lost.length} of ${acknowledged.length} acknowledged writes are lost.`);
    if (twice.length > 0) messages.push(`${twice.length} writes are there twice.`);
    return messages;
  } finally {
    await client.end();
  }
}

if (isMain(import.meta.url)) await runAsCommand({ examples: checkExamples, applications: checkMoved });
