import { lookAt, openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { type StatusJson, statusNow } from './picture.ts';
import { loadOfServers } from './servers.ts';
import { writeStatus } from './text.ts';

/** What `pgherd status` can be asked for. */
export interface StatusOptions extends CommonOptions {
  /** How long servers may take to answer, seconds. */
  readonly timeout: number;
}

/** Shows every node once; resolves with the exit code. */
export function statusCommand(url: string, options: StatusOptions): Promise<ExitCode> {
  return runCommand(options, async (context) => {
    const status = await lookOnce(url, context, options.timeout * 1_000);
    context.output.json(status);
    writeStatus(context.output, status);
    return exitCodeFor(status.status);
  });
}

/** The exit code for a status. */
export function exitCodeFor(status: StatusJson['status']): ExitCode {
  switch (status) {
    case 'up':
      return EXIT.fine;
    case 'degraded':
      return EXIT.finding;
    case 'down':
      return EXIT.unreachable;
    default:
      return status satisfies never;
  }
}

async function lookOnce(url: string, context: CommandContext, lookMs: number): Promise<StatusJson> {
  await using opened = await openCluster(url, context, { lookMs });
  const { db } = opened;
  // Only the second look can compare a standby with the position of a primary that is known by then.
  await lookAt(db, lookMs, context.signal);
  return statusNow(db, await loadOfServers(db, lookMs, context.signal));
}
