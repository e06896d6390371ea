import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { openCluster } from '../connection/open.ts';
import { Ledger } from '../demo/ledger.ts';
import { narrate } from '../demo/narrate.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { secondsText } from '../shell/numbers.ts';
import type { Output } from '../shell/output.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { sayAtExit } from '../shell/say-at-exit.ts';
import { type DrillTable, drillTable, loadUntil } from './load.ts';
import { drillReport, isKept, writeReport } from './report.ts';

/** What `pgherd drill` can be asked for. */
export interface DrillOptions extends CommonOptions {
  readonly seconds: number;
  /** Writes a second, and as many reads. */
  readonly rate: number;
}

/** Time between two lines of numbers, ms: on a terminal the line is replaced, elsewhere it is a new one. */
const LIVE_EVERY_MS = 250;
const LINE_EVERY_MS = 1_000;
/** How long servers may take to answer at the start, ms. */
const LOOK_MS = 5_000;
/** How long writes wait for a primary, ms: longer than most failovers take. */
const WAIT_MS = 30_000;

/** Writes and reads through a failover that the user causes; resolves with the exit code. */
export function drillCommand(url: string, options: DrillOptions): Promise<ExitCode> {
  return runCommand(options, (context) => drill(url, options, context), { isEndedByInterrupt: true });
}

async function drill(url: string, options: DrillOptions, context: CommandContext): Promise<ExitCode> {
  await using opened = await openCluster(url, context, { lookMs: LOOK_MS, waitTimeoutMs: WAIT_MS });
  const { db } = opened;
  const { status, reasons } = db.health();
  if (status === 'down') {
    context.output.note(`pgherd: There is nothing to drill: ${reasons.join('; ')}`);
    return EXIT.unreachable;
  }
  const table = drillTable(db, randomBytes(4).toString('hex'));
  const isGone = sayAtExit(context.output, leftSentence(table));
  try {
    await table.create();
    context.output.line(
      `Table ${table.name}: ${options.rate} writes and ${options.rate} reads a second for ${options.seconds} s.`,
    );
    context.output.line({ tone: 'strong', text: 'Cause a failover now; Ctrl-C ends the drill.' });
    const startedAt = performance.now();
    const now = (): number => performance.now() - startedAt;
    const ledger = new Ledger();
    const live = liveLine(context.output, ledger, now);
    narrate(db, (name) => name, live.say);
    await loadFor(options, context.signal, table, ledger, now);
    live.stop();
    const durationMs = now();
    const report = drillReport(ledger, await table.readBack(), durationMs);
    context.output.json(report);
    writeReport(context.output, report);
    return isKept(report) ? EXIT.fine : EXIT.finding;
  } finally {
    await cleanUp(table, context.output);
    isGone();
  }
}

async function loadFor(
  { seconds, rate }: DrillOptions,
  signal: AbortSignal,
  table: DrillTable,
  ledger: Ledger,
  now: () => number,
): Promise<void> {
  const over = new AbortController();
  const end = AbortSignal.any([signal, over.signal]);
  const loading = loadUntil(end, table, ledger, rate, now);
  try {
    await pause(seconds * 1_000, undefined, { signal });
  } catch {
    // Ctrl-C ends a drill early, with its report.
  }
  over.abort();
  await loading;
}

async function cleanUp(table: DrillTable, output: Output): Promise<void> {
  try {
    await table.drop();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    output.note(`${leftSentence(table)} (${why})`);
  }
}

function leftSentence({ name }: DrillTable): string {
  return `pgherd: The table is left: drop table ${name}.`;
}

/** Shows numbers while the drill runs, and what the cluster reports. */
function liveLine(output: Output, ledger: Ledger, now: () => number) {
  const progress = () => ({
    type: 'progress',
    atMs: Math.round(now()),
    writes: ledger.writes.count,
    reads: ledger.reads.count,
    failed: ledger.count('write', 'failed') + ledger.count('read', 'failed'),
    unknown: ledger.count('write', 'unknown'),
  });
  const show = (): void => {
    const found = progress();
    output.json(found);
    output.live(
      `${secondsText(found.atMs).padStart(6)} s  ${found.writes} writes, ${found.reads} reads, ${found.failed} failed, ${found.unknown} unknown`,
    );
  };
  const timer = setInterval(show, output.isLive ? LIVE_EVERY_MS : LINE_EVERY_MS);
  return {
    say: (sentence: string): void => {
      const atMs = Math.round(now());
      output.json({ type: 'event', atMs, text: sentence });
      output.line(`${secondsText(atMs).padStart(6)} s  ${sentence}`);
    },
    stop: (): void => {
      clearInterval(timer);
      show();
    },
  };
}
