import type { ConnectionPlan } from 'pgherd/dsn';
import { lookAt, openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommonOptions, runCommand } from '../shell/run.ts';
import { collect } from './collect.ts';
import { examine } from './examine.ts';
import type { Finding } from './facts.ts';
import { writeFindings } from './text.ts';

/** What `pgherd doctor` can be asked for. */
export interface DoctorOptions extends CommonOptions {
  /** How long servers may take to answer, seconds. */
  readonly timeout: number;
  /** Processes that run the application. */
  readonly processes: number;
  /** Connections of each of them for each server (`pool.max`). */
  readonly poolMax: number;
}

/** What `pgherd doctor --json` prints. */
export interface DoctorJson {
  /** Names of the servers that could be asked. */
  readonly asked: readonly string[];
  readonly findings: readonly Finding[];
  /** Servers whose statistics of replication the role may not see. */
  readonly unseen: readonly string[];
}

/** Looks for what will hurt; resolves with the exit code. */
export function doctorCommand(url: string, options: DoctorOptions): Promise<ExitCode> {
  return runCommand(options, async (context) => {
    const lookMs = options.timeout * 1_000;
    await using opened = await openCluster(url, context, { lookMs });
    const { db, plan } = opened;
    await lookAt(db, lookMs, context.signal);
    const nodes = await collect(db, lookMs, context.signal);
    const findings = examine({
      nodes,
      user: plan.user,
      database: plan.database,
      keepalives: plan.keepalive.enabled,
      pooler: plan.pooler,
      sessionSettings: sessionSettingsOf(plan),
      processes: options.processes,
      poolMax: options.poolMax,
      today: new Date().toISOString(),
    });
    const asked = nodes.flatMap(({ picture, server }) => (server === undefined ? [] : [picture.name]));
    const unseen = nodes.flatMap(({ picture, server }) =>
      server?.senders.some(({ syncState }) => syncState === null) === true ? [picture.name] : [],
    );
    context.output.json({ asked, findings, unseen } satisfies DoctorJson);
    writeFindings(context.output, asked, findings);
    if (unseen.length > 0)
      context.output.wrapped('', {
        tone: 'faint',
        text: `Not seen on ${unseen.join(', ')}: which standbys confirm commits. To see it: grant pg_monitor to "${plan.user}"`,
      });
    if (nodes.every(({ picture: { health } }) => health !== 'ok')) return EXIT.unreachable;
    return findings.length === 0 ? EXIT.fine : EXIT.finding;
  });
}

/** Settings of the connection string and the environment that every session gets. */
function sessionSettingsOf({ settings, options, searchPath }: ConnectionPlan): readonly string[] {
  return [
    ...Object.keys(settings),
    ...(options === undefined ? [] : ['options']),
    ...(searchPath === undefined ? [] : ['search_path']),
  ];
}
