import { createInterface } from 'node:readline/promises';
import type { Cluster, ClusterQuerier } from 'pgherd';
import { openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { type Place, readEpochs, removeEpoch, type WrittenEpoch, writeEpoch } from './statements.ts';

/** What `pgherd accept-epoch` can be asked for. */
export interface AcceptEpochOptions extends CommonOptions {
  /** How long servers may take to answer, seconds. */
  readonly timeout: number;
  /** Removes the value instead of writing it. */
  readonly remove: boolean;
  /** Asks nothing. */
  readonly yes: boolean;
}

/** What `pgherd accept-epoch --json` prints. */
export interface AcceptEpochJson {
  readonly node: string;
  readonly database: string;
  /** What the database says now, and where; empty after `--remove`. */
  readonly written: readonly WrittenEpoch[];
}

const MEANING: readonly string[] = [
  'Processes that wait because they have seen a higher timeline will write to this server within seconds.',
  'What was written on the higher timeline is given up: its servers count as stale until they are rebuilt.',
  'Stop every server above this timeline first, and keep it stopped. The value counts for 24 hours; remove it after use.',
];

/** Writes the epoch of the primary into its database, or removes it; resolves with the exit code. */
export function acceptEpochCommand(url: string, options: AcceptEpochOptions): Promise<ExitCode> {
  return runCommand(options, async (context) => {
    const lookMs = options.timeout * 1_000;
    await using opened = await openCluster(url, context, { lookMs });
    const { db, plan } = opened;
    const node = primaryOf(db);
    if (node === undefined) {
      context.output.note('pgherd: No server is a primary that takes writes; pgherd status says why.');
      return EXIT.unreachable;
    }
    const { database } = plan;
    const verbs = db.with({ node, target: 'read-write', timeoutMs: lookMs, signal: context.signal });
    if (!options.remove && !(await isConfirmed(db, node, database, context, options.yes)))
      return EXIT.finding;
    const place = await carryOut(verbs, options.remove);
    const written = await readEpochs(verbs);
    context.output.json({ node, database, written } satisfies AcceptEpochJson);
    for (const { value, place: where } of written)
      context.output.line(`The ${where} of database ${database} says ${value}.`);
    if (written.length === 0)
      context.output.line(`Database ${database} on ${node} says nothing of an epoch.`);
    if (place === 'comment') context.output.note(COMMENT_INSTEAD);
    return EXIT.fine;
  });
}

const COMMENT_INSTEAD =
  'pgherd: The role may not set pgherd.accept_epoch, so that the comment on the database has the value, which counts as much.';

async function carryOut(verbs: ClusterQuerier, isRemoved: boolean): Promise<Place | undefined> {
  if (!isRemoved) return writeEpoch(verbs);
  await removeEpoch(verbs);
  return undefined;
}

function primaryOf(db: Cluster): string | undefined {
  return db.topology.writable;
}

async function isConfirmed(
  db: Cluster,
  node: string,
  database: string,
  { output, signal, interrupt }: CommandContext,
  isYes: boolean,
): Promise<boolean> {
  const found = db.nodes().find(({ name }) => name === node);
  output.line({
    tone: 'strong',
    text: `Accept timeline ${found?.timeline ?? '?'} of ${node}, database ${database}`,
  });
  for (const sentence of MEANING) output.line(`  - ${sentence}`);
  if (isYes) return true;
  if (!process.stdin.isTTY) {
    output.note(
      'pgherd: Nothing was written: there is no terminal to ask on. Say --yes if that is what you want.',
    );
    return false;
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  lines.once('SIGINT', interrupt);
  try {
    const answer = await lines.question('Write it? (yes, no) ', { signal });
    if (answer.trim().toLowerCase() === 'yes') return true;
  } catch {
    // Ctrl-D is a no as well.
    signal.throwIfAborted();
  } finally {
    lines.close();
  }
  output.note('pgherd: Nothing was written.');
  return false;
}
