import { randomBytes } from 'node:crypto';
import type { Cluster } from 'pgherd';
import { type OpenedCluster, openCluster } from '../connection/open.ts';
import { readConnection } from '../connection/plan.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandContext, type CommonOptions, meansUnreachable, runCommand } from '../shell/run.ts';
import { sayAtExit } from '../shell/say-at-exit.ts';
import { type Compared, type Contest, compareWithPg } from './compare.ts';
import { loadFor } from './load.ts';
import { announcement, type BenchPlan, hostsElsewhere, mayWrite } from './plan.ts';
import { liveProgress } from './progress.ts';
import { type BenchReport, callsOf, writeReport } from './report.ts';
import { type BenchTable, benchTable, statementOf } from './table.ts';
import { Tally } from './tally.ts';

/** What `pgherd bench` can be asked for. */
export interface BenchOptions extends CommonOptions, Omit<BenchPlan, 'isCompared'> {
  /** Asks nothing where servers of others would be written to. */
  readonly yes: boolean;
  readonly compare?: 'pg' | undefined;
}

/** The statement that is sent unless another is given. */
export const USUAL_QUERY = 'select 1';
/** How long servers may take to answer at the start, ms. */
const LOOK_MS = 5_000;
/** How long calls wait for a server, ms. */
const WAIT_MS = 10_000;

/** Puts load on a cluster and says what it made of it; resolves with the exit code. */
export function benchCommand(url: string, options: BenchOptions): Promise<ExitCode> {
  return runCommand(options, (context) => bench(url, options, context), { isEndedByInterrupt: true });
}

async function bench(url: string, options: BenchOptions, context: CommandContext): Promise<ExitCode> {
  const plan: BenchPlan = { ...options, isCompared: options.compare === 'pg' };
  const { output, env, signal } = context;
  const elsewhere = hostsElsewhere(readConnection(url, env).plan);
  if (mayWrite(plan, USUAL_QUERY) && elsewhere.length > 0 && !options.yes) {
    output.note(`pgherd: This may write to ${elsewhere.join(', ')}, under full load. Say --yes if it may.`);
    return EXIT.usage;
  }
  await using opened = await openCluster(url, context, { lookMs: LOOK_MS, waitTimeoutMs: WAIT_MS });
  const { db } = opened;
  const table = plan.write ? benchTable(db, randomBytes(4).toString('hex')) : undefined;
  const node = nodeFor(db, plan);
  if (node === undefined) {
    const reasons = db.health().reasons.join('; ');
    output.note(`pgherd: No server suits ${plan.write ? 'read-write' : plan.target}: ${reasons}`);
    return EXIT.unreachable;
  }
  for (const sentence of announcement(plan, { schema: table?.schema ?? '', node })) {
    output.json({ type: 'announcement', text: sentence });
    output.wrapped('', sentence);
  }
  const isGone = table === undefined ? undefined : sayAtExit(output, leftSentence(table));
  try {
    await table?.create();
    signal.throwIfAborted();
    const report = await measure(plan, opened, table, node, context);
    output.json(report);
    writeReport(output, report);
    return exitCodeFor(report);
  } finally {
    await cleanUp(table, context);
    isGone?.();
  }
}

async function measure(
  plan: BenchPlan,
  opened: OpenedCluster,
  table: BenchTable | undefined,
  node: string,
  context: CommandContext,
): Promise<BenchReport> {
  const statement = statementOf(plan.query, table);
  const target = plan.write ? 'read-write' : plan.target;
  const contest = { plan, opened, target, statement, context };
  const { comparison, tally, durationMs } = plan.isCompared
    ? await compareWithPg({ ...contest, node })
    : await measureAlone(contest);
  return {
    type: 'report',
    durationMs: Math.round(durationMs),
    callers: plan.callers,
    ...callsOf(tally, durationMs),
    nodes: tally.nodes,
    errors: tally.failures,
    comparison,
  };
}

async function measureAlone(contest: Omit<Contest, 'node'>): Promise<Compared> {
  const { plan, opened, target, statement, context } = contest;
  const verbs = opened.db.with({ target });
  const call = async () => (await verbs.query(statement.text, statement.values())).node;
  const tally = new Tally();
  const progress = liveProgress(context.output, tally);
  const durationMs = await loadFor(plan.seconds * 1_000, context.signal, plan.callers, call, tally);
  progress.stop();
  return { comparison: null, tally, durationMs };
}

/** The exit code for a report. */
function exitCodeFor({ answered, failed, errors }: BenchReport): ExitCode {
  if (failed === 0) return EXIT.fine;
  if (answered > 0) return EXIT.finding;
  return errors.every(({ code }) => meansUnreachable(code)) ? EXIT.unreachable : EXIT.failed;
}

/** The server that would be asked first. */
function nodeFor(db: Cluster, { write, target }: BenchPlan): string | undefined {
  return db.explainTarget(write ? 'read-write' : target).nodes.find(({ tier }) => tier !== undefined)?.node;
}

function leftSentence({ schema }: BenchTable): string {
  return `pgherd: The schema is left: drop schema ${schema} cascade.`;
}

async function cleanUp(table: BenchTable | undefined, { output }: CommandContext): Promise<void> {
  try {
    await table?.drop();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (table !== undefined) output.note(`${leftSentence(table)} (${why})`);
  }
}
