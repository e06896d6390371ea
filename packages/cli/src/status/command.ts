import type { Cluster } from 'pgherd';
import { lookAt, openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { type Connections, type StatusJson, statusOf } from './picture.ts';
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
  const connections = await connectionsOf(db, lookMs, context.signal);
  const { writable, systemIdentifier } = db.topology;
  return statusOf({ health: db.health(), nodes: db.nodes(), writable, systemIdentifier, connections });
}

/** Counts from `pg_stat_database`, which every role may read. */
const CONNECTIONS = `select sum(numbackends)::int as used, pg_catalog.current_setting('max_connections')::int as max
  from pg_catalog.pg_stat_database`;

async function connectionsOf(
  db: Cluster,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Connections>> {
  const reachable = db.nodes().filter(({ health, aliasOf }) => health === 'ok' && aliasOf === undefined);
  const asked = await Promise.all(
    reachable.map(async ({ name }): Promise<readonly [string, Connections] | undefined> => {
      try {
        const verbs = db.with({ node: name, target: 'any', timeoutMs, signal });
        return [name, await verbs.one<{ used: number; max: number }>(CONNECTIONS)];
      } catch {
        // Such as a node that is not believed, and so gets no statement: its row has the reason.
        return undefined;
      }
    }),
  );
  return new Map(asked.filter((one) => one !== undefined));
}
