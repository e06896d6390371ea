import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { serveDashboard } from '@pgherd/dashboard';
import { openCluster } from '../connection/open.ts';
import { EXIT, type ExitCode } from '../shell/exit.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { openBrowser } from './browser.ts';

/** What `pgherd dashboard` can be asked for. */
export interface DashboardCommandOptions extends CommonOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Whether the browser is opened. */
  readonly open: boolean;
  /** `made`: one is made. */
  readonly token?: string | undefined;
}

/** What `pgherd dashboard --json` prints as soon as it listens. */
export interface DashboardJson {
  /** The token included. */
  readonly url: string;
  readonly token: string | null;
}

/** The variable that a token is taken from. */
export const TOKEN_VARIABLE = 'PGHERD_DASHBOARD_TOKEN';
/** How long servers may take to answer at the start, ms; the page shows the rest. */
const LOOK_MS = 2_000;
/** Statistics are all that is asked for: few connections do. */
const POOL = { max: 2 };

/** Serves the dashboard until it is interrupted; resolves with the exit code. */
export function dashboardCommand(url: string, options: DashboardCommandOptions): Promise<ExitCode> {
  return runCommand(options, (context) => serve(url, options, context), { isEndedByInterrupt: true });
}

async function serve(
  url: string,
  options: DashboardCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { output, env, signal } = context;
  const { host, port } = options;
  const token = tokenOf(options, env);
  if (options.token !== undefined && options.token !== MADE) output.note(TOKEN_IN_ARGUMENT);
  await using opened = await openCluster(url, context, { lookMs: LOOK_MS, pool: POOL });
  await using served = await serveDashboard(opened.db, {
    host,
    port,
    ...(token !== undefined && { token }),
    serverFigures: true,
  });
  output.json({ url: served.url, token: served.token ?? null } satisfies DashboardJson);
  output.line({ tone: 'strong', text: served.url });
  if (served.token !== undefined)
    output.line('Every page that shows data needs the token in this address; keep it to yourself.');
  output.line('Ctrl-C ends the dashboard.');
  if (options.open)
    openBrowser(served.url, (why) => output.note(`pgherd: The browser could not be opened: ${why}.`));
  if (!signal.aborted) await once(signal, 'abort');
  return EXIT.fine;
}

const MADE = 'made';
const TOKEN_IN_ARGUMENT = `pgherd: The token in the argument can be read by every user of this machine (ps). Set ${TOKEN_VARIABLE} instead, or let one be made.`;

/** `undefined`: one is made if the host is not of this machine only. */
function tokenOf(
  { token }: Pick<DashboardCommandOptions, 'token'>,
  env: CommandContext['env'],
): string | undefined {
  if (token === MADE) return randomBytes(24).toString('base64url');
  return token ?? (env[TOKEN_VARIABLE] || undefined);
}
