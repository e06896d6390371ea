import { stdin } from 'node:process';
import { type Cluster, type ClusterOptions, createCluster, type Logger } from 'pgherd';
import type { ConnectionPlan } from 'pgherd/dsn';
import { askPassword } from '../shell/password.ts';
import { printable } from '../shell/printable.ts';
import type { CommandContext } from '../shell/run.ts';
import { hasPassword, readConnection } from './plan.ts';

/** A cluster that was opened for one command, after every node has answered or failed. */
export interface OpenedCluster extends AsyncDisposable {
  readonly db: Cluster;
  readonly plan: ConnectionPlan;
  /** As it was typed, if it was asked for. */
  readonly password: string | undefined;
}

/** What a command needs of its cluster. */
export interface OpenOptions extends Omit<ClusterOptions, 'url' | 'password' | 'env'> {
  /** How long the first look at the servers may take, ms; what has not answered by then is shown as it is. */
  readonly lookMs: number;
}

const noop = (): void => undefined;
/** Commands say themselves what is wrong; without a logger, some of it would be a warning of the process. */
const QUIET: Logger = Object.freeze({ debug: noop, info: noop, warn: noop, error: noop });
/** How long `close()` may take, ms. */
const CLOSE_MS = 2_000;

/**
 * Opens a cluster and looks at every node. If a server wants a password, none is known and there is a terminal, it is asked for.
 * @throws as `createCluster`.
 */
export async function openCluster(
  url: string,
  { env, output, signal, interrupt }: CommandContext,
  { lookMs, ...options }: OpenOptions,
): Promise<OpenedCluster> {
  const { dsn, plan } = readConnection(url, env);
  if (dsn.secrets['password'] !== undefined) output.note(PASSWORD_IN_ARGUMENT);
  const make = (password?: string): Cluster =>
    createCluster({
      applicationName: plan.applicationName ?? 'pgherd-cli',
      restAfterMs: 0,
      logger: QUIET,
      drainMs: CLOSE_MS,
      ...options,
      // Without one, everything comes from the environment.
      url: url === '' ? undefined : url,
      password,
      env,
    });
  let db = make();
  let password: string | undefined;
  for (const warning of plan.warnings) output.note(`pgherd: ${warning}`);
  const close = async (): Promise<void> => {
    await db.close({ timeoutMs: CLOSE_MS });
  };
  try {
    await lookAt(db, lookMs, signal);
    if (wantsPassword(db) && !hasPassword(plan) && stdin.isTTY) {
      password = await askPassword(`Password of ${printable(plan.user)}: `, stdin, process.stderr, signal);
      if (password === undefined) interrupt();
      signal.throwIfAborted();
      db.terminate();
      db = make(password);
      await lookAt(db, lookMs, signal);
    }
    signal.throwIfAborted();
    return { db, plan, password, [Symbol.asyncDispose]: close };
  } catch (error) {
    db.terminate();
    throw error;
  }
}

const PASSWORD_IN_ARGUMENT =
  'pgherd: The password in the argument can be read by every user of this machine (ps), and stays in the history of the shell. ' +
  'Leave it out: it is then taken from PGPASSWORD or ~/.pgpass, or asked for.';

function wantsPassword(db: Cluster): boolean {
  return db.nodes().some(({ connectFailure }) => connectFailure === 'authentication');
}

/** Looks at every node, for at most so long. */
export async function lookAt(db: Cluster, lookMs: number, signal: AbortSignal): Promise<void> {
  await beforeLong(db.nextProbe(), lookMs, signal);
}

/** Resolves when `work` has ended, after `ms`, or when the signal is aborted, whatever comes first. */
async function beforeLong(work: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  let end: (() => void) | undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const timer = setTimeout(() => end?.(), ms);
  const onAbort = (): void => end?.();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) end?.();
  try {
    await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
