import type { NodeExplanation, Target } from 'pgherd';
import { lookAt, openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import type { Output } from '../shell/output.ts';
import { type CommonOptions, runCommand } from '../shell/run.ts';
import { writeTable } from '../shell/table.ts';

/** What `pgherd explain` can be asked for. */
export interface ExplainOptions extends CommonOptions {
  /** How long servers may take to answer, seconds. */
  readonly timeout: number;
  /** Largest lag of a standby, ms. */
  readonly maxLagMs?: number | undefined;
}

/** What `pgherd explain --json` prints. */
export interface ExplainJson {
  readonly target: Target;
  /** First those that could serve it, best choice first. */
  readonly nodes: readonly {
    readonly node: string;
    /** 1 for the first choice; `null` if it does not suit. */
    readonly choice: number | null;
    readonly reason: string;
  }[];
}

/** Shows why each node would serve a target, or would not; resolves with the exit code. */
export function explainCommand(target: Target, url: string, options: ExplainOptions): Promise<ExitCode> {
  return runCommand(options, async (context) => {
    const lookMs = options.timeout * 1_000;
    await using opened = await openCluster(url, context, { lookMs });
    await lookAt(opened.db, lookMs, context.signal);
    const { nodes } = opened.db.explainTarget(target, { maxLagMs: options.maxLagMs });
    const explained: ExplainJson = { target, nodes: nodes.map(nodeJson) };
    context.output.json(explained);
    writeExplained(context.output, explained);
    if (explained.nodes.some(({ choice }) => choice !== null)) return EXIT.fine;
    return opened.db.health().status === 'down' ? EXIT.unreachable : EXIT.finding;
  });
}

function nodeJson({ node, tier, reason }: NodeExplanation): ExplainJson['nodes'][number] {
  return { node, choice: tier === undefined ? null : tier + 1, reason };
}

function writeExplained(output: Output, { target, nodes }: ExplainJson): void {
  writeTable(
    output,
    [
      { title: 'node', cell: ({ node }) => node },
      {
        title: 'choice',
        cell: ({ choice }) =>
          choice === null ? { tone: 'bad', text: 'no' } : { tone: 'good', text: String(choice) },
      },
      { title: 'why', cell: ({ reason }) => reason },
    ],
    nodes,
  );
  if (nodes.some(({ choice }) => choice !== null)) return;
  output.line();
  output.line({ tone: 'bad', text: `No node suits ${target}: such calls wait.` });
}
